//! Runs sessions of every kind one after the other, and checks what a service would notice: ranges
//! that are neither in the trace nor counted as lost, and growing numbers of bytes, descriptors,
//! threads or files.
//!
//! `cargo run --release -p profiler-tests --example soak -- 60` runs for 60 minutes and prints a
//! line every minute. It fails at the first missing range, and at the end if the process has grown
//! since its first third.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::artifacts::Manifest;
use profiler_runtime::config::TraceFormat;
use profiler_runtime::memory::ProfilingAllocator;
use profiler_runtime::merge::{MergeOptions, merge};
use profiler_runtime::{
    ProfilerConfig, dump_profile, profiled_op, profiled_stage, profiled_step, request, start_profile_with, stop_profile,
};
use profiler_tests::Trace;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new();

const THREADS: u64 = 4;
/// Number of requests per thread. Threads end with their requests, so that threads start and end
/// all the time.
const REQUESTS: u64 = 8;
const STEPS: u64 = 5;
const OPS: u64 = 20;
/// Growth of memory that is tolerated after the first third, because allocators keep memory that
/// they have used once.
const MORE_KB: u64 = 48 << 10;

#[profiled_op("linear", shapes(x), flops = 2 * x.len())]
fn linear(x: &[f32]) -> f32 {
    x.iter().sum()
}

#[profiled_step("denoise_step")]
fn denoise_step(x: &[f32]) -> f32 {
    (0..OPS).map(|_| linear(x)).sum()
}

#[profiled_stage("diffuse")]
async fn diffuse(x: &[f32]) -> f32 {
    let mut sum = 0.0;
    for _ in 0..STEPS {
        sum += denoise_step(x);
        tokio::task::yield_now().await;
    }
    sum
}

/// Serves requests on threads that end afterwards.
fn work() {
    let serve = || {
        let x = [1.0; 64];
        for number in 0..REQUESTS {
            let _request = request(&format!("request {number}"));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            std::hint::black_box(runtime.block_on(diffuse(&x)));
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(serve))));
}

/// Returns the configuration of a round, which cycles through all combinations of modes and
/// artifacts.
fn config(round: u64, folder: &Path) -> ProfilerConfig {
    let turn = |of: u64, one_in: u64| (round / of).is_multiple_of(one_in);
    ProfilerConfig::torch(folder)
        .spool(turn(1, 2))
        .ring(turn(2, 3))
        .max_buffer_mb(if turn(3, 2) { 256 } else { 4 })
        .torch_profiler_record_shapes(turn(4, 2))
        .torch_profiler_with_memory(turn(5, 3))
        .torch_profiler_with_stack(turn(7, 4))
        .torch_profiler_dump_cuda_time_total(turn(6, 2))
        .torch_profiler_use_gzip(turn(8, 4))
        .quiet(true)
        .trace_format(if turn(9, 3) { TraceFormat::Perfetto } else { TraceFormat::Chrome })
}

/// Runs one session; returns its number of ranges.
fn round(number: u64, folder: &Path) -> u64 {
    let config = config(number, folder);
    let (is_ring, is_chrome) = (config.ring, config.trace_format == TraceFormat::Chrome);
    let is_plain = is_chrome && !config.torch_profiler_use_gzip;
    start_profile_with(config).unwrap();
    work();
    if is_ring && number.is_multiple_of(5) {
        drop(dump_profile().unwrap().wait().unwrap());
    }
    let stopped = stop_profile().unwrap();
    let session = stopped.folder().unwrap().to_owned();
    let manifest = stopped.wait().unwrap();
    assert_eq!(manifest.errors, Vec::<String>::new(), "round {number}");
    if is_plain {
        check_ranges(&manifest, &Trace::read(&session), is_ring);
    }
    if is_chrome {
        merge(&[&session], session.join("merged.json.gz"), &MergeOptions::default()).unwrap();
    }
    expected_ranges()
}

/// Checks that every range is in the trace, or counted as lost or overwritten.
fn check_ranges(manifest: &Manifest, trace: &Trace, is_ring: bool) {
    let in_trace = trace.json["profiler"]["ranges"].as_u64().unwrap();
    let overwritten = if is_ring { trace.losses("overwritten") } else { 0 };
    assert!(
        overwritten > 0 || in_trace + manifest.ranges_lost == expected_ranges(),
        "{in_trace} of {}: {manifest:?}",
        expected_ranges()
    );
}

/// Returns the number of a session's ranges: requests, polls of the stage, steps and ops.
fn expected_ranges() -> u64 {
    THREADS * REQUESTS * (2 + STEPS + STEPS * (1 + OPS))
}

/// Resources of the process.
#[derive(Clone, Copy, Debug)]
struct Resources {
    resident_kb: u64,
    descriptors: u64,
    threads: u64,
}

impl Resources {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let descriptors = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
        Self { resident_kb: number("VmRSS:"), descriptors, threads: number("Threads:") }
    }

    const MAX: Self = Self { resident_kb: u64::MAX, descriptors: u64::MAX, threads: u64::MAX };

    /// Returns the smaller of each resource. Sessions of different kinds leave different numbers of
    /// descriptors and pages to the next one, and the last exporter's thread may still end. A leak
    /// raises the minimum over many sessions, which the rest does not.
    fn min(self, other: Self) -> Self {
        Self {
            resident_kb: self.resident_kb.min(other.resident_kb),
            descriptors: self.descriptors.min(other.descriptors),
            threads: self.threads.min(other.threads),
        }
    }
}

fn main() {
    let minutes: f64 = std::env::args().nth(1).map_or(60.0, |text| text.parse().expect("minutes"));
    let (begin, length) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let folder = tempfile::tempdir().unwrap();
    let (mut rounds, mut ranges, mut next_line) = (0, 0, Duration::from_secs(60));
    let (mut early, mut late) = (Resources::MAX, Resources::MAX);
    while begin.elapsed() < length {
        let session = folder.path().join("perf");
        ranges += round(rounds, &session);
        fs::remove_dir_all(&session).unwrap();
        rounds += 1;
        let now = Resources::now();
        if begin.elapsed() < length / 3 {
            early = early.min(now);
        } else if begin.elapsed() > length * 2 / 3 {
            late = late.min(now);
        }
        if begin.elapsed() > next_line {
            println!("{:5.1?}: {rounds} sessions, {ranges} ranges, {:?}", begin.elapsed(), Resources::now());
            next_line += Duration::from_secs(60);
        }
    }
    println!("{rounds} sessions, {ranges} ranges; at least {early:?} -> {late:?}");
    assert!(late.resident_kb <= early.resident_kb + MORE_KB, "memory grows");
    assert!(late.descriptors <= early.descriptors && late.threads <= early.threads, "{early:?} -> {late:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "files stay behind");
}
