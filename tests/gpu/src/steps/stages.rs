//! Records all kinds of work, three times, and compares the figures with the known ones.

use std::thread;

use serde_json::Value;

use profiler_runtime::{op, stage, step};

use crate::bench::{Bench, RUNWAY, Recorded, micros, millis, slices};
use crate::findings::{Findings, Outcome};

const SPIN: u64 = 300;

pub(super) fn run(bench: &Bench) -> Outcome {
    let mut found = Findings::default();
    // Other profilers lose the first work of a session (pytorch#192021), so each session begins
    // with work.
    for _ in 0..3 {
        session(bench, &mut found)?;
    }
    Ok(found)
}

fn session(bench: &Bench, found: &mut Findings) -> Result<(), String> {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let config = bench.config().torch_profiler_with_memory(true).cuda_sync_events(true);
    let mut by_events = 0.0;
    let mut values = vec![1.5_f32; 1 << 20];
    let recorded = bench.record(config, || {
        for index in 0..2 {
            gpu.spin(stream, RUNWAY);
            let _step = step!("denoise_step", index);
            let _stage = stage!("transformer");
            by_events += gpu.timed(stream, || {
                for _ in 0..5 {
                    let _op = op!("attention");
                    gpu.spin(stream, SPIN);
                }
            });
        }
        {
            let _stage = stage!("vae.decode");
            gpu.round_trip(stream, &mut values);
        }
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    gpu.enter();
                    let own = gpu.stream();
                    let _stage = stage!("two_streams");
                    (0..4).for_each(|_| gpu.spin(own, SPIN));
                });
            }
        });
        gpu.spin(stream, SPIN);
    })?;
    let right = values.iter().all(|value| (*value - 3.0).abs() < 1e-6);
    found.demand("the GPU computes", right, "", ("true", right));
    judge(&recorded, by_events, found);
    Ok(())
}

fn judge(recorded: &Recorded, by_events: f64, found: &mut Findings) {
    for (stage, ops) in [("transformer", 10), ("vae.decode", 4), ("two_streams", 8)] {
        found.demand_count(format!("work of `{stage}`"), recorded.ops(stage), ops);
    }
    found.demand_count("work of no stage", recorded.timing["gpu"]["unattributed"]["gpu_ops"].clone(), 3);
    let busy = recorded.stage("transformer", "gpu_busy_ns").map_or(0.0, millis);
    let ratio = busy / by_events;
    let limit = ("0.9 to 1.001", (0.9..1.001).contains(&ratio));
    found.demand("GPU time of `transformer` by CUPTI to that by events around each step", ratio, "", limit);
    let [busy, span] =
        ["gpu_busy_ns", "gpu_span_ns"].map(|key| recorded.stage("two_streams", key).map_or(f64::NAN, millis));
    found.demand("busy time of two streams", busy, "ms", ("<= the span", busy <= span + 1e-6));
    found.demand_count("losses", recorded.lost(), 0);
    let trace = recorded.trace();
    found.demand_count("kernels", slices(&trace, "kernel").len(), 10 + 1 + 8 + 3);
    found.demand_count("kernels with a C++ name that people read", trace.count("scale(float*, float)"), 1);
    found.demand_count("copies", slices(&trace, "gpu_memcpy").len(), 2);
    found.demand_count("fills", slices(&trace, "gpu_memset").len(), 1);
    let spans = slices(&trace, "gpu_user_annotation").len();
    found.demand("spans of ranges on the GPU", spans, "", ("> 0", spans > 0));
    found.note("calls of the driver API", slices(&trace, "cuda_driver").len(), "");
    found.note("calls of the runtime API", slices(&trace, "cuda_runtime").len(), "");
    found.note("waits", slices(&trace, "cuda_sync").len(), "");
    found.note("shortest time from a call to its work", shortest_way(&trace.json), "µs");
}

/// Returns the shortest arrow from a call to its work.
fn shortest_way(trace: &Value) -> f64 {
    let ends = |phase: &'static str| {
        let all = trace["traceEvents"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(move |event| event["ph"] == phase && event["cat"] == "ac2g").map(|event| micros(event, "ts"))
    };
    ends("s").zip(ends("f")).map(|(start, end)| end - start).fold(f64::INFINITY, f64::min)
}
