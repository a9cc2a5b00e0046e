//! Time from stopping a session with very many ops to its operator table, on one core.
//!
//! The session has `profiler: none` and a performance report, so nothing else is written. The time
//! consists of decoding the stream twice, grouping, and writing a few hundred bytes, which is an
//! upper bound for `key_averages`. Each row is the minimum of three rounds. The table is linear if
//! the time per op does not grow with their number.

use std::time::{Duration, Instant};

use profiler_runtime::artifacts::GroupBy;
use profiler_runtime::{Error, ProfilerConfig, profiled_op, start_profile_with, stop_profile};

/// Number of rounds; the fastest counts.
const ROUNDS: u32 = 3;
const SIZES: [usize; 4] = [100_000, 500_000, 1_000_000, 2_000_000];
/// Number of different input shapes.
const SHAPES: usize = 50;

#[profiled_op("linear", shapes(x, weight), flops = 2 * x.len() * weight.len())]
fn linear(x: &[f32], weight: &[f32]) -> usize {
    std::hint::black_box(x.len() + weight.len())
}

#[profiled_op("relu")]
fn relu(x: usize) -> usize {
    std::hint::black_box(x)
}

fn main() -> Result<(), Error> {
    // `cargo test` runs benches without `--bench`; then nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    report(["ops", "names, ms", "shapes, ms"]);
    for ops in SIZES {
        let (plain, shaped) = (best(ops, false)?, best(ops, true)?);
        let cell = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        report([&ops.to_string(), &cell(plain), &cell(shaped)]);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
fn report([ops, plain, shaped]: [&str; 3]) {
    println!("{ops:>10}  {plain:>14}  {shaped:>14}");
}

fn best(ops: usize, shapes: bool) -> Result<Duration, Error> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        best = best.min(round(ops, shapes)?);
    }
    Ok(best)
}

/// Records ops, half of them with a description, and returns the time of the table.
fn round(ops: usize, shapes: bool) -> Result<Duration, Error> {
    let folder = std::env::temp_dir().join(format!("profiler-key-averages-{}", std::process::id()));
    let config = ProfilerConfig::default()
        .perf_dump_path(folder.join("perf.json"))
        .torch_profiler_record_shapes(shapes)
        .torch_profiler_with_flops(shapes)
        .max_buffer_mb(1024);
    start_profile_with(config)?;
    let x = [0.0; SHAPES];
    for op in 0..ops / 2 {
        linear(&x[..op % SHAPES], &x);
        relu(op);
    }
    let stopped = stop_profile()?;
    let began = Instant::now();
    let table = stopped.key_averages(if shapes { GroupBy::InputShapes } else { GroupBy::Name })?;
    let took = began.elapsed();
    let counted: u64 = table.rows().iter().map(|row| row.count).sum();
    assert_eq!(counted, ops as u64, "every op is in the table");
    let _ = std::fs::remove_dir_all(folder);
    Ok(took)
}
