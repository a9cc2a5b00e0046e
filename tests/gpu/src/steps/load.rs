//! Load: a million kernels, too little memory, and sessions that begin and end while threads
//! launch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use profiler_runtime::config::TraceFormat;
use profiler_runtime::stage;

use crate::bench::{Bench, Recorded, slices, worst};
use crate::findings::{Findings, Outcome};

/// Launches `count` kernels with a budget of `mebibytes`. Returns the session and the duration of a
/// launch.
fn launched(bench: &Bench, count: u32, mebibytes: u64) -> Result<(Recorded, f64), String> {
    let mut ns = 0.0;
    let config = bench.config().max_buffer_mb(mebibytes).trace_format(TraceFormat::Perfetto);
    let recorded = bench.record(config.torch_profiler_use_gzip(true), || {
        let _stage = stage!("many");
        ns = bench.ns_each(count, || bench.gpu.empty(bench.stream));
    })?;
    Ok((recorded, ns))
}

/// Records a million kernels with enough memory, and a tenth of them with almost none.
pub(super) fn million(bench: &Bench) -> Outcome {
    let count = bench.many(1_000_000, 5_000);
    let mut found = Findings::default();
    found.note("kernels launched", count, "");
    let (whole, ns) = launched(bench, count, 1024)?;
    let ops = |recorded: &Recorded| recorded.timing["gpu"]["gpu_ops"].as_u64().unwrap_or(0);
    found.demand_count("kernels recorded, with room for all", ops(&whole), u64::from(count));
    found.demand_count("losses", whole.lost(), 0);
    found.note("launch", ns, "ns");
    found.note("stop", whole.stop.as_secs_f64() * 1e3, "ms");
    found.note("export", whole.export.as_secs_f64() * 1e3, "ms");
    let few = count.div_ceil(10).max(36_000);
    let (part, ns) = launched(bench, few, 4)?;
    let (kept, buffers, dropped) = (ops(&part), part.loss("buffers"), part.loss("dropped"));
    found.note("kernels launched, with 4 MiB for their records", few, "");
    found.demand("kernels recorded then", kept, "", ("fewer than launched", kept < u64::from(few)));
    found.demand("buffers refused or thrown away", buffers, "", ("> 0", buffers > 0));
    found.note("records that CUPTI says it dropped", dropped, "");
    found.note("launch, without room", ns, "ns");
    let (again, _) = launched(bench, 1000, 64)?;
    found.demand_count("kernels of the next session, of 1000", ops(&again), 1000);
    Ok(found)
}

/// Runs one session after the other while threads launch.
pub(super) fn start_stop(bench: &Bench) -> Outcome {
    let gpu = &bench.gpu;
    let done = AtomicBool::new(false);
    let sessions = bench.many(20, 5);
    let (mut found, mut stops) = (Findings::default(), Vec::new());
    let outcome = thread::scope(|scope| {
        for _ in 0..3 {
            let (gpu, done) = (&gpu, &done);
            scope.spawn(move || {
                gpu.enter();
                let stream = gpu.stream();
                // ORDERING: only the flag is shared.
                while !done.load(Ordering::Relaxed) {
                    let _stage = stage!("load");
                    (0..50).for_each(|_| gpu.spin(stream, 5));
                    gpu.wait(stream);
                }
            });
        }
        let outcome = (1..=sessions).try_for_each(|session| {
            let recorded = bench.record(bench.config(), || {
                let _stage = stage!("counted");
                (0..session).for_each(|_| gpu.spin(bench.stream, 10));
                gpu.wait(bench.stream);
            })?;
            let is_right = recorded.ops("counted") == u64::from(session);
            found.demand("sessions with the kernels that they launched", is_right, "", ("true", is_right));
            found.demand(
                "records that cannot be read",
                recorded.loss("unreadable"),
                "",
                ("0", recorded.loss("unreadable") == 0),
            );
            stops.push(recorded.stop.as_secs_f64() * 1e3);
            let shown = slices(&recorded.trace(), "kernel").len();
            found.note("kernels shown", shown, "");
            Ok(())
        });
        done.store(true, Ordering::Relaxed);
        outcome
    });
    outcome.map(|()| {
        found.note("longest stop", worst(&stops), "ms");
        found
    })
}
