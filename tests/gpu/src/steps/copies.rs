//! Copies and fills, between pageable, pinned, managed and device memory.

use profiler_runtime::stage;

use crate::bench::{Bench, slices};
use crate::findings::{Findings, Outcome};

/// Numbers of floats: 16 MiB, and 64 MiB of managed memory.
const COUNT: usize = 4 << 20;
const MANAGED: u32 = 16 << 20;

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let managed = bench.many(MANAGED, MANAGED / 16);
    let bytes = COUNT * size_of::<f32>();
    let mut values = vec![1.0_f32; COUNT];
    let mut pinned = gpu.pinned(COUNT);
    pinned.values().fill(2.0);
    let (one, two) = (gpu.allocate(bytes), gpu.allocate(bytes));
    let mut doubled = false;
    let recorded = bench.record(bench.config(), || {
        {
            let _stage = stage!("pageable");
            gpu.copy_in(stream, one, &values);
            gpu.copy_out(stream, &mut values, one);
            gpu.wait(stream);
        }
        {
            let _stage = stage!("pinned");
            gpu.copy_in(stream, one, pinned.values());
            gpu.copy_on(stream, two, one, bytes);
            gpu.copy_out(stream, pinned.values(), two);
            gpu.wait(stream);
        }
        {
            let _stage = stage!("fill");
            gpu.fill(stream, one, bytes);
        }
        let _stage = stage!("managed");
        doubled = gpu.managed_doubles(stream, managed, 3.0);
    })?;
    let right = pinned.values().iter().all(|value| *value == 2.0) && values.iter().all(|value| *value == 1.0);
    [one, two].into_iter().for_each(|device| gpu.free(device));
    gpu.free_pinned(pinned);
    let mut found = Findings::default();
    found.demand("what was copied is there", right, "", ("true", right));
    found.demand("the device doubles managed memory", doubled, "", ("true", doubled));
    for (stage, ops) in [("pageable", 2), ("pinned", 3), ("fill", 1)] {
        found.demand_count(format!("work of the stage `{stage}`"), recorded.ops(stage), ops);
    }
    let ops = recorded.ops("managed");
    // If pages migrate, CUPTI can report the migrations as separate copies.
    found.demand("work of the stage `managed`", ops, "", (">= 1", ops >= 1));
    let trace = recorded.trace();
    for copy in slices(&trace, "gpu_memcpy").into_iter().chain(slices(&trace, "gpu_memset")) {
        let name = copy["name"].as_str().unwrap_or_default();
        found.demand_count(format!("bytes of `{name}`"), copy["args"]["bytes"].clone(), bytes as u64);
        found.note(format!("rate of `{name}`"), copy["args"]["memory bandwidth (GB/s)"].clone(), "GB/s");
    }
    for name in ["Memcpy HtoD (Pageable -> Device)", "Memcpy HtoD (Pinned -> Device)", "Memcpy DtoD (Device -> Device)"]
    {
        found.demand_count(format!("copies called `{name}`"), trace.count(name), 1);
    }
    found.demand_count("losses", recorded.lost(), 0);
    Ok(found)
}
