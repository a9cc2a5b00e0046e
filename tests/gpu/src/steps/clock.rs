//! Compares the GPU's clock with the host's: every kernel must lie inside the range that launches
//! it and waits for it.

use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::op;

use crate::bench::{Bench, median, micros, slices, worst};
use crate::findings::{Findings, Outcome};

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let seconds = bench.many(60, 2);
    let recorded = bench.record(bench.config(), || {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(seconds.into()) {
            {
                let _op = op!("tick");
                gpu.spin(stream, 20);
                gpu.wait(stream);
            }
            thread::sleep(Duration::from_millis(50));
        }
    })?;
    let trace = recorded.trace();
    let (ticks, kernels) = (trace.named("tick"), slices(&trace, "kernel"));
    // The ranges on the GPU have the names of the ranges on the host.
    let ticks: Vec<_> = ticks.into_iter().filter(|tick| tick.args.get("stream").is_none()).collect();
    let ticks: Vec<_> = ticks.into_iter().take(kernels.len()).collect();
    let mut found = Findings::default();
    found.demand_count("kernels", kernels.len(), ticks.len() as u64);
    let begins = |(tick, kernel): (&crate::artifacts::Slice, &&serde_json::Value)| micros(kernel, "ts") - tick.begin;
    let ends = |(tick, kernel): (&crate::artifacts::Slice, &&serde_json::Value)| {
        tick.end - micros(kernel, "ts") - micros(kernel, "dur")
    };
    let from_begin: Vec<f64> = ticks.iter().zip(&kernels).map(begins).collect();
    let to_end: Vec<f64> = ticks.iter().zip(&kernels).map(ends).collect();
    let outside = |slack: &[f64]| (-slack.iter().copied().fold(f64::INFINITY, f64::min)).max(0.0);
    let error = worst(&[outside(&from_begin), outside(&to_end)]);
    let uncertain = recorded.timing["gpu"]["clock_uncertainty_ns"].as_f64().unwrap_or(0.0) / 1e3;
    let limit = (format!("<= {:.3} µs, the stated uncertainty and 1 µs", uncertain + 1.0), error <= uncertain + 1.0);
    found.demand("a kernel outside of its range", error, "µs", limit);
    found.note("stated uncertainty", uncertain, "µs");
    found.note("recorded", seconds, "s");
    found.note("median from the range's begin to the kernel's", median(from_begin.clone()), "µs");
    found.note("median from the kernel's end to the range's", median(to_end), "µs");
    let part = from_begin.len() / 10;
    let drift = median(from_begin[from_begin.len() - part..].to_vec()) - median(from_begin[..part].to_vec());
    found.note("drift of the first median from the first tenth to the last", drift, "µs");
    Ok(found)
}
