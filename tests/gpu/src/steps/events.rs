//! Times the same work by CUPTI and by pairs of events, and measures the cost of a pair.

use profiler_runtime::config::GpuTiming;
use profiler_runtime::{op_on, stage_on};

use crate::bench::{Bench, RUNWAY, Recorded, micros, millis, slices};
use crate::findings::{Findings, Outcome};

const SPIN: u64 = 300;
/// Factor by which events exceed the kernels' time: they include the gaps between kernels, and each
/// launch has several kernels.
const GAPS: f64 = 1.1;

/// Compares the two sources, and each with the workload's own events.
pub(super) fn run(bench: &Bench) -> Outcome {
    let (by_cupti, _) = session(bench, GpuTiming::Cupti);
    let (by_events, known) = session(bench, GpuTiming::Events);
    if by_cupti.timing["gpu"]["source"] != "cupti" {
        return Err(format!("CUPTI does not record: {}", by_cupti.timing["gpu"]["reason"]));
    }
    let mut found = Findings::default();
    let source = by_events.timing["gpu"]["source"].clone();
    found.demand("source", source.clone(), "", ("events", source == "events"));
    let busy = by_cupti.stage("transformer", "gpu_busy_ns").map_or(0.0, millis);
    let elapsed = by_events.stage("transformer", "gpu_elapsed_ns").map_or(0.0, millis);
    let ratio = elapsed / busy;
    found.demand("by events to by CUPTI", ratio, "", (format!("0.95 to {GAPS}"), (0.95..GAPS).contains(&ratio)));
    let ratio = known / elapsed;
    found.demand(
        "by the workload's own events to by events",
        ratio,
        "",
        ("0.99 to 1.02", (0.99..1.02).contains(&ratio)),
    );
    found.demand_count("losses", by_events.lost(), 0);
    placed(&by_events, &mut found);
    cost(bench, &mut found);
    Ok(found)
}

/// Records two stages of known length. Returns the sum of their times by the workload's own events,
/// which enclose the profiler's.
fn session(bench: &Bench, source: GpuTiming) -> (Recorded, f64) {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    gpu.synchronize();
    let mut known = 0.0;
    let recorded = Recorded::of(bench.config().gpu_timing(source), || {
        for _ in 0..20 {
            gpu.spin(stream, RUNWAY);
            known += gpu.timed(stream, || {
                let _stage = stage_on!(stream, "transformer");
                for _ in 0..5 {
                    let _op = op_on!(stream, "attention");
                    gpu.spin(stream, SPIN);
                }
            });
        }
        // This work is not finished when the session ends.
        let _stage = stage_on!(stream, "behind");
        (0..50).for_each(|_| gpu.spin(stream, SPIN));
    });
    (recorded, known)
}

/// Checks that no work runs on the GPU before its range has begun.
fn placed(recorded: &Recorded, found: &mut Findings) {
    let trace = recorded.trace();
    let uncertain = recorded.timing["gpu"]["clock_uncertainty_ns"].as_f64().unwrap_or(0.0) / 1e3;
    let ranges = slices(&trace, "cpu_op");
    let begin = |id: &serde_json::Value| {
        ranges.iter().find(|event| event["args"]["External id"] == *id).map(|event| micros(event, "ts"))
    };
    let spans = slices(&trace, "gpu_user_annotation").into_iter().filter(|event| event["name"] == "attention");
    let lags = spans.filter_map(|span| Some(micros(span, "ts") - begin(&span["args"]["External id"])?));
    let least = lags.fold(f64::INFINITY, f64::min);
    let limit = (format!("> -{:.3} µs, the clocks' uncertainty and 1 µs", uncertain + 1.0), least > -uncertain - 1.0);
    found.demand("shortest time from a range's begin to its span's", least, "µs", limit);
    found.note("uncertainty of the clocks", uncertain, "µs");
}

fn cost(bench: &Bench, found: &mut Findings) {
    let stream = bench.stream;
    let count = bench.many(20_000, 2_000);
    let range = || drop(op_on!(stream, "empty"));
    let off = bench.ns_each(count, range);
    let mut on = 0.0;
    let recorded = Recorded::of(bench.config().gpu_timing(GpuTiming::Events), || on = bench.ns_each(count, range));
    found.note("range on a stream, nothing records", off, "ns");
    found.note("range on a stream, timed by events", on, "ns");
    found.note("ranges of those without a time", recorded.lost(), "");
}
