//! Measures the cost of a launch and of a call with CUPTI off, on, and after it was stopped.

use profiler_runtime::config::TraceFormat;
use profiler_runtime::{op, stage};

use crate::bench::Bench;
use crate::findings::{Findings, Outcome};

const ROUNDS: u32 = 3;

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let count = bench.many(10_000, 500);
    // Other load can disturb the host, so the minimum of a few rounds counts.
    let least = |work: &dyn Fn()| (0..ROUNDS).map(|_| bench.ns_each(count, work)).fold(f64::INFINITY, f64::min);
    let launches = || least(&|| gpu.empty(stream));
    let event = gpu.event();
    // A recorded call that puts no work on the GPU.
    let calls = || least(&|| gpu.record(event, stream));
    let (_, off, off_call) = (launches(), launches(), calls());
    let mut on = [0.0; 4];
    let config = bench.config().max_buffer_mb(512).trace_format(TraceFormat::Perfetto);
    let recorded = bench.record(config, || {
        let bare = launches();
        let _stage = stage!("launches");
        let in_a_range = launches();
        let each_in_one = least(&|| {
            let _op = op!("launch");
            gpu.empty(stream);
        });
        on = [bare, in_a_range, each_in_one, calls()];
    })?;
    let (after, after_call) = (launches(), calls());
    let mut found = Findings::default();
    found.note("launch, CUPTI off", off, "ns");
    found.note("launch, recorded", on[0], "ns");
    found.note("launch, recorded, all in one range", on[1], "ns");
    found.note("launch, recorded, each in a range of its own", on[2], "ns");
    found.note("launch, after the session", after, "ns");
    found.note("call without work, CUPTI off", off_call, "ns");
    found.note("call without work, recorded", on[3], "ns");
    found.note("call without work, after the session", after_call, "ns");
    let ratio = after / off;
    // pytorch#144455: a CUPTI that stays attached causes overhead.
    found.demand("launch after the session to before", ratio, "", ("< 1.5", ratio < 1.5));
    found.demand_count("kernels recorded", recorded.timing["gpu"]["gpu_ops"].clone(), u64::from(count * 3 * ROUNDS));
    found.demand_count("losses", recorded.lost(), 0);
    let gpu = &recorded.timing["gpu"];
    let records: f64 = ["gpu_ops", "api_calls"].iter().filter_map(|key| gpu[*key].as_f64()).sum();
    found.note("stop of so many", recorded.stop.as_secs_f64() * 1e3, "ms");
    found.note("export for each record", recorded.export.as_secs_f64() * 1e9 / records, "ns");
    Ok(found)
}
