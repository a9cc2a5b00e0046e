//! Measures the cost of a recording of any length:
//! `cargo run --release -p profiler-tests --example long_recording -- 100000000 spool`.
//!
//! Records the given number of ranges on two threads (repeatedly a stage with nine ops), writes the
//! artifacts with a compressed trace, and prints the times and the process's peak memory. Modes are
//! `memory` (with enough of it for everything), `ring`, `spool` and `spool-ring`. The third
//! argument is the size of rings in MiB, 64 by default.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::time::Instant;

use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, start_profile_with, stop_profile};

#[profiled_op("op")]
#[inline(never)]
fn op(x: u64) -> u64 {
    std::hint::black_box(x + 1)
}

#[profiled_stage("stage")]
#[inline(never)]
fn stage(x: u64) -> u64 {
    (0..9).fold(x, |x, _| op(x))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let ranges: u64 = arguments.next().and_then(|number| number.parse().ok()).expect("a number of ranges");
    let mode = arguments.next().unwrap_or_else(|| "spool".to_owned());
    let ring_mb = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(64);
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let config = ProfilerConfig::torch(folder.path()).torch_profiler_use_gzip(true);
    let config = match mode.as_str() {
        "memory" => config.max_buffer_mb((ranges * 32).div_ceil(1 << 20) + 64),
        "ring" => config.ring(true).max_buffer_mb(ring_mb),
        "spool-ring" => config.ring(true).spool(true).max_spool_mb(ring_mb),
        _ => config.spool(true),
    };
    start_profile_with(config).expect("starts");
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..ranges / 20).fold(0, |x, _| stage(x)));
        }
    });
    let recorded = start.elapsed();
    println!(
        "{mode}: {ranges} ranges recorded in {recorded:.2?}, {:.1} ns each and thread",
        recorded.as_secs_f64() * 2e9 / ranges as f64
    );
    println!("memory after recording: {}", resident());
    let start = Instant::now();
    let stopped = stop_profile().expect("stops");
    println!("stop: {:.2?}", start.elapsed());
    let manifest = stopped.wait().expect("is exported");
    println!("export: {:.2?}, {} ranges lost, {} errors", start.elapsed(), manifest.ranges_lost, manifest.errors.len());
    let trace = manifest.artifact(ArtifactKind::Trace).map_or(0, |trace| trace.bytes);
    println!("trace: {:.1} MB compressed", trace as f64 / 1e6);
    println!("memory: {}", resident());
}

/// Returns the peak and the current memory of this process.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| ["VmHWM", "VmRSS"].iter().any(|name| line.starts_with(name)));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
