//! Several threads with several streams each: checks the owner of each piece of work, and what ran
//! concurrently.

use std::collections::HashSet;
use std::thread;

use profiler_runtime::stage;

use crate::bench::{Bench, micros, millis, slices};
use crate::findings::{Findings, Outcome};

const THREADS: usize = 4;
const STREAMS: usize = 3;
const KERNELS: usize = 8;
const NAMES: [&str; THREADS] = ["thread_0", "thread_1", "thread_2", "thread_3"];

pub(super) fn run(bench: &Bench) -> Outcome {
    let gpu = &bench.gpu;
    let recorded = bench.record(bench.config(), || {
        thread::scope(|scope| {
            for name in NAMES {
                scope.spawn(move || {
                    gpu.enter();
                    let streams: Vec<_> = (0..STREAMS).map(|_| gpu.stream()).collect();
                    let _stage = stage(name);
                    for _ in 0..KERNELS {
                        streams.iter().for_each(|stream| gpu.spin(*stream, 200));
                    }
                });
            }
        });
        let _stage = stage!("afterwards");
        gpu.spin(bench.stream, 200);
    })?;
    let mut found = Findings::default();
    for name in NAMES {
        found.demand_count("work of each thread's stage", recorded.ops(name), (STREAMS * KERNELS) as u64);
    }
    found.demand_count("work of the stage behind them", recorded.ops("afterwards"), 1);
    found.demand_count("work of no stage", recorded.timing["gpu"]["unattributed"]["gpu_ops"].clone(), 0);
    let trace = recorded.trace();
    let kernels = slices(&trace, "kernel");
    let streams: HashSet<u64> = kernels.iter().filter_map(|kernel| kernel["args"]["stream"].as_u64()).collect();
    found.demand_count("streams", streams.len(), (THREADS * STREAMS + 1) as u64);
    let sum: f64 = kernels.iter().map(|kernel| micros(kernel, "dur")).sum::<f64>() / 1e3;
    let busy = recorded.timing["gpu"]["gpu_busy_ns"].as_f64().map_or(f64::NAN, millis);
    found.demand("busy time", busy, "ms", ("<= the sum of the kernels", busy <= sum + 1e-3));
    found.note("sum of the kernels", sum, "ms");
    found.note("kernels at once, on average", sum / busy, "");
    found.demand_count("losses", recorded.lost(), 0);
    Ok(found)
}
