//! Cost of the profiling allocator compared with the system allocator that it wraps, and of
//! exporting very many allocations.
//!
//! Both allocators are called directly, for a block of 64 bytes that is freed at once, so that the
//! allocator's own work is small compared with the cost of profiling. Then a session records a
//! million events and writes all artifacts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use profiler_runtime::memory::ProfilingAllocator;
use profiler_runtime::{Error, ProfilerConfig, stage, start_profile_with, stop_profile};

/// Number of rounds; the fastest counts.
const ROUNDS: u32 = 7;
/// Number of blocks per round, whose records fit into the buffers.
const BLOCKS: u32 = 100_000;
/// Number of blocks in the exported session, with two events each.
const EXPORTED: u32 = 500_000;

static PROFILED: ProfilingAllocator = ProfilingAllocator::new();

fn main() -> Result<(), Error> {
    // `cargo test` runs benches without `--bench`; then nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    report("System, allocated and freed", &per_block(best(&System)));
    report("ProfilingAllocator, nothing records", &per_block(best(&PROFILED)));
    let folder = std::env::temp_dir().join(format!("profiler-allocator-{}", std::process::id()));
    let config = || ProfilerConfig::torch(&folder).torch_profiler_with_memory(true).max_buffer_mb(512);
    start_profile_with(config())?;
    report(
        "recording, a thread without ranges",
        &per_block(std::thread::scope(|threads| threads.spawn(|| best(&PROFILED)).join().unwrap_or_default())),
    );
    drop(stage("first"));
    report("recording, a thread with ranges", &per_block(best(&PROFILED)));
    stop_profile()?.wait()?;
    export(config())?;
    let _ = fs::remove_dir_all(folder);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
fn report(what: &str, result: &str) {
    println!("{what:<40} {result:>12}");
}

fn per_block(time: Duration) -> String {
    format!("{:.1} ns", time.as_secs_f64() * 1e9 / f64::from(BLOCKS))
}

fn best(allocator: &impl GlobalAlloc) -> Duration {
    (0..ROUNDS).map(|_| round(allocator, BLOCKS)).min().unwrap_or_default()
}

fn round(allocator: &impl GlobalAlloc, blocks: u32) -> Duration {
    let layout = Layout::new::<[u64; 8]>();
    let start = Instant::now();
    for _ in 0..blocks {
        // SAFETY: the layout is not empty; the block is freed with the same layout and not used.
        unsafe {
            let block = black_box(allocator.alloc(layout));
            allocator.dealloc(block, layout);
        }
    }
    start.elapsed()
}

/// Reports the time and memory of writing all artifacts.
fn export(config: ProfilerConfig) -> Result<(), Error> {
    start_profile_with(config)?;
    for _ in 0..100 {
        let _decode = stage("decode");
        round(&PROFILED, EXPORTED / 100);
    }
    // Resets the peak of resident memory, if the system allows it.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let (before, start) = (resident_mib(), Instant::now());
    let stopped = stop_profile()?;
    let manifest = stopped.wait()?;
    report("export of 1,000,000 events", &format!("{:.2} s", start.elapsed().as_secs_f64()));
    report("peak memory above the recording's", &format!("{} MiB", peak_mib().saturating_sub(before)));
    for artifact in &manifest.artifacts {
        report(&format!("  {}", artifact.name), &format!("{} KiB", artifact.bytes >> 10));
    }
    Ok(())
}

fn resident_mib() -> u64 {
    status("VmRSS:")
}

fn peak_mib() -> u64 {
    status("VmHWM:")
}

/// Reads a field of `/proc/self/status` in MiB; 0 if the system does not report it.
fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() >> 10
}
