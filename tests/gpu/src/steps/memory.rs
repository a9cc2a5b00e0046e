//! Device memory: the recorded allocations, and the peak.

use profiler_runtime::stage;
use serde_json::Value;

use crate::bench::Bench;
use crate::findings::{Findings, Outcome};

const MIB: usize = 1 << 20;

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let recorded = bench.record(bench.config().torch_profiler_with_memory(true), || {
        let _stage = stage!("takes");
        let blocks = [2, 4, 8].map(|mib| gpu.allocate(mib * MIB));
        gpu.free(blocks[1]);
        let pooled = gpu.allocate_async(16 * MIB, stream);
        gpu.free_async(pooled, stream);
        // Host memory is not part of the device's totals.
        let pinned = gpu.pinned(MIB);
        gpu.free_pinned(pinned);
        gpu.wait(stream);
        gpu.free(blocks[0]);
        gpu.free(blocks[2]);
    })?;
    let trace = recorded.trace();
    let all = trace.json["traceEvents"].as_array().map(Vec::as_slice).unwrap_or_default();
    let on_device = |event: &&Value| event["name"] == "[memory]" && event["args"]["Device Type"] == 1;
    let events: Vec<&Value> = all.iter().filter(on_device).map(|event| &event["args"]).collect();
    let bytes: Vec<i64> = events.iter().filter_map(|event| event["Bytes"].as_i64()).collect();
    let taken: i64 = bytes.iter().filter(|bytes| **bytes > 0).sum();
    let peak = events.iter().filter_map(|event| event["Total Allocated"].as_u64()).max().unwrap_or(0);
    let mut found = Findings::default();
    found.demand_count("blocks taken", bytes.iter().filter(|bytes| **bytes > 0).count(), 4);
    found.demand_count("blocks given back", bytes.iter().filter(|bytes| **bytes < 0).count(), 4);
    found.demand_count("bytes taken", taken, 30 * MIB as u64);
    found.demand_count("peak", peak, 26 * MIB as u64);
    found.demand("left at the end", bytes.iter().sum::<i64>(), "B", ("0 B", bytes.iter().sum::<i64>() == 0));
    found.demand_count("losses", recorded.lost(), 0);
    Ok(found)
}
