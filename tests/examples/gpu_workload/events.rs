//! The same work timed twice, by CUPTI and by pairs of events, and what a pair costs.

use std::path::Path;
use std::time::Instant;

use profiler_runtime::{GpuTiming, ProfilerConfig, op_on, stage_on, start_profile_with, stop_profile};
use profiler_tests::{Trace, timing};
use serde_json::Value;

use crate::cuda::{Gpu, Stream};
use crate::{SPIN, Verdicts};

const RANGES: u32 = 20_000;
/// Beyond what kernels take, events see the gaps between them: launches of several kernels each.
const GAPS: f64 = 1.1;

/// Compares the two sources, and each with events of the workload's own.
pub(crate) fn check(gpu: &Gpu, stream: Stream, folder: &Path, verdicts: &mut Verdicts) {
    let (by_cupti, _) = session(gpu, stream, &folder.join("by_cupti"), GpuTiming::Cupti);
    let (by_events, known) = session(gpu, stream, &folder.join("by_events"), GpuTiming::Events);
    let stage = |report: &Value, key: &str| {
        let stages = report["stages"].as_array().unwrap();
        let found = stages.iter().find(|stage| stage["name"] == "transformer").cloned().unwrap_or_default();
        found[key].as_f64().unwrap_or(0.0) / 1e6
    };
    let (busy, elapsed) = (stage(&by_cupti, "gpu_busy_ns"), stage(&by_events, "gpu_elapsed_ns"));
    println!("\nevents: {}", by_events["gpu"]);
    verdicts.demand("source of event times", by_events["gpu"]["source"] == "events", &by_events["gpu"]["source"]);
    let seen = format!("{elapsed:.4} ms by events, {busy:.4} ms by CUPTI, {known:.4} ms known");
    verdicts.demand("events and CUPTI agree", (0.95..GAPS).contains(&(elapsed / busy)), &seen);
    verdicts.demand("events and our own events agree", (0.99..1.02).contains(&(known / elapsed)), &seen);
    let losses = &by_events["gpu"]["losses"];
    let lost: u64 = losses.as_object().map_or(1, |all| all.values().filter_map(Value::as_u64).sum());
    verdicts.demand("losses of events", lost == 0, losses);
    placed(&folder.join("by_events"), verdicts);
    cost(gpu, stream, folder);
}

/// Two stages of known length; their sum by events of our own, which lie around the profiler's.
fn session(gpu: &Gpu, stream: Stream, folder: &Path, source: GpuTiming) -> (Value, f64) {
    gpu.synchronize();
    start_profile_with(ProfilerConfig::torch(folder).gpu_timing(source)).unwrap();
    let mut known = 0.0;
    for _ in 0..20 {
        known += gpu.timed(stream, || {
            let _stage = stage_on!(stream, "transformer");
            for _ in 0..5 {
                let _op = op_on!(stream, "attention");
                gpu.spin(stream, SPIN);
            }
        });
    }
    // Not done when the session ends.
    {
        let _stage = stage_on!(stream, "behind");
        (0..50).for_each(|_| gpu.spin(stream, SPIN));
    }
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    (timing(stopped.folder().unwrap()), known)
}

/// Nothing runs on the GPU before its range has begun.
fn placed(folder: &Path, verdicts: &mut Verdicts) {
    let session = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let trace = Trace::read(&session);
    let uncertain = trace.json["profiler"]["gpu"]["clock_uncertainty_ns"].as_f64().unwrap_or(0.0) / 1e3;
    let events = trace.json["traceEvents"].as_array().unwrap();
    let begin = |category: &str, id: &Value| {
        let found = events.iter().find(|event| event["cat"] == category && event["args"]["External id"] == *id)?;
        found["ts"].as_f64()
    };
    let spans = events.iter().filter(|event| event["cat"] == "gpu_user_annotation" && event["name"] == "attention");
    let lags = spans.filter_map(|span| {
        let id = &span["args"]["External id"];
        Some(span["ts"].as_f64()? - begin("cpu_op", id)?)
    });
    let lags: Vec<f64> = lags.collect();
    let least = lags.iter().copied().fold(f64::INFINITY, f64::min);
    let seen = format!("{least:.3} µs of {} spans, clocks within {uncertain:.3} µs", lags.len());
    verdicts.demand("spans begin after their ranges", least > -uncertain - 1.0, seen);
}

fn cost(gpu: &Gpu, stream: Stream, folder: &Path) {
    let ns = |work: &dyn Fn()| {
        gpu.synchronize();
        let began = Instant::now();
        (0..RANGES).for_each(|_| work());
        let took = began.elapsed();
        gpu.synchronize();
        took.as_secs_f64() * 1e9 / f64::from(RANGES)
    };
    let range = || drop(op_on!(stream, "empty"));
    let off = ns(&range);
    start_profile_with(ProfilerConfig::torch(folder.join("cost")).gpu_timing(GpuTiming::Events)).unwrap();
    let on = ns(&range);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let losses = timing(stopped.folder().unwrap())["gpu"]["losses"].clone();
    println!("fact  ns a range on a stream: {off:.1} off, {on:.0} timed by events; losses {losses}");
}
