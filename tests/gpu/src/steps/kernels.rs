//! Compares kernel times with CUDA events. Each kernel is alone between two events, on a stream
//! that is never idle in between.

use std::time::{Duration, Instant};

use crate::bench::{Bench, RUNWAY, median, micros, slices, worst};
use crate::findings::{Findings, Outcome};

/// Microseconds of the kernels that are compared relatively and absolutely.
const LONG: [u64; 4] = [1_200, 2_000, 5_000, 10_000];
const SHORT: [u64; 4] = [5, 20, 100, 500];
/// Maximum number of batches of a length, until the host is done before the runway ends.
const TRIES: usize = 10;
const PERCENT: f64 = 1.0;
const MICROS: f64 = 3.0;

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let each = bench.many(20, 4);
    // Times of each batch, except those for which the host was too slow.
    let mut known: Vec<Option<Vec<f64>>> = Vec::new();
    let batch = |us| {
        let events: Vec<_> = (0..each).map(|_| (gpu.event(), gpu.event())).collect();
        let began = Instant::now();
        gpu.spin(stream, RUNWAY);
        for (begin, end) in &events {
            gpu.record(*begin, stream);
            gpu.spin(stream, us);
            gpu.record(*end, stream);
        }
        let is_ahead = began.elapsed() < Duration::from_micros(RUNWAY * 3 / 4);
        gpu.wait(stream);
        let times = events.into_iter().map(|(begin, end)| gpu.between(begin, end) * 1e3).collect();
        is_ahead.then_some(times)
    };
    let recorded = bench.record(bench.config(), || {
        for us in LONG.into_iter().chain(SHORT) {
            for _ in 0..TRIES {
                known.push(batch(us));
                if known.last().is_some_and(Option::is_some) {
                    break;
                }
            }
        }
    })?;
    let trace = recorded.trace();
    let kernels = slices(&trace, "kernel");
    let mut found = Findings::default();
    found.demand_count("kernels", kernels.len(), known.len() as u64 * u64::from(each + 1));
    found.note("batches for which the host was too late", known.iter().filter(|batch| batch.is_none()).count(), "");
    let batches = kernels.chunks(each as usize + 1).zip(known);
    let timed = batches.filter_map(|(kernels, times)| Some(kernels[1..].iter().zip(times?)));
    let pairs: Vec<(f64, f64)> = timed.flatten().map(|(kernel, time)| (micros(kernel, "dur"), time)).collect();
    found.demand("kernels compared", pairs.len(), "", ("> 0", !pairs.is_empty()));
    let (long, short): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, event)| *event >= 1e3);
    let percent: Vec<f64> = long.iter().map(|(kernel, event)| (event - kernel).abs() / event * 100.0).collect();
    let apart: Vec<f64> = short.iter().map(|(kernel, event)| (event - kernel).abs()).collect();
    let most = worst(&percent);
    found.demand("largest difference from 1 ms on", most, "%", (format!("<= {PERCENT} %"), most <= PERCENT));
    let most = worst(&apart);
    found.demand("largest difference below 1 ms", most, "µs", (format!("<= {MICROS} µs"), most <= MICROS));
    found.note("median difference from 1 ms on", median(percent), "%");
    found.note("median difference below 1 ms", median(apart), "µs");
    Ok(found)
}
