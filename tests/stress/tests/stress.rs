//! All functions at once, for a few seconds: threads that start and end, sessions that start and
//! stop, dumps, rings and budgets that overflow, allocations. Intended for a run under
//! ThreadSanitizer (`tests/proofs.sh`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::memory::{Device, ProfilingAllocator, record_alloc, record_free};
use profiler_runtime::session::Status;
use profiler_runtime::{
    ProfilerConfig, dump_profile, profiled_op, profiled_step, request, stage, start_profile_with, status, stop_profile,
};
use profiler_tests::{Bench, Trace};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new();

/// Time of all sessions together. An instrumented build runs fewer of them.
const TIME: Duration = Duration::from_millis(1_500);

/// Returns the number of rounds of all threads per session. `PROFILER_TESTS_ROUNDS` sets it where
/// rounds are slow, as in valgrind.
fn rounds() -> u64 {
    std::env::var("PROFILER_TESTS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(300)
}

#[profiled_op("leaf", shapes(input), flops = 2)]
#[inline(never)]
fn leaf(input: &[u8]) -> Vec<u8> {
    black_box(input.to_vec())
}

#[profiled_step("iteration")]
fn iteration(number: u64) {
    let _request = number.is_multiple_of(8).then(|| request("request"));
    let _stage = stage(if number.is_multiple_of(2) { "even" } else { "odd" });
    record_alloc(Device::Cuda(0), number, 16);
    (0..16).for_each(|_| drop(leaf(&[1, 2, 3])));
    record_free(Device::Cuda(0), number, 16);
}

/// Records until `over`, on threads of which some end early.
fn work(over: &AtomicBool, done: &AtomicU64) {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        iteration(number);
        thread::scope(|scope| {
            if number.is_multiple_of(16) {
                scope.spawn(|| (0..8).for_each(iteration));
            }
        });
        done.fetch_add(1, Ordering::Relaxed);
        thread::yield_now();
    }
}

fn config(bench: &Bench, session: usize) -> ProfilerConfig {
    let config = bench.config().max_buffer_mb(1);
    match session % 6 {
        0 => config,
        1 => config.ring(true),
        2 => config.torch_profiler_with_memory(true),
        3 => config.ring(true).torch_profiler_with_memory(true).torch_profiler_record_shapes(true),
        4 => config.wait_iterations(1).warmup_iterations(2).active_iterations(200).ring(true),
        _ => config.spool(cfg!(target_os = "linux")).max_spool_mb(2).ring(true).torch_profiler_with_flops(true),
    }
}

#[test]
fn sessions_and_dumps_while_threads_come_and_go_break_nothing() {
    let bench = Bench::alone();
    let (over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut exports, mut sessions) = (Vec::new(), 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| work(&over, &done));
        }
        let began = Instant::now();
        while began.elapsed() < TIME || sessions < 6 {
            start_profile_with(config(&bench, sessions)).unwrap();
            let before = done.load(Ordering::Relaxed);
            while done.load(Ordering::Relaxed) < before + rounds() {
                thread::sleep(Duration::from_millis(1));
            }
            // The schedule may have ended the session.
            exports.extend(dump_profile());
            exports.extend(stop_profile());
            sessions += 1;
        }
        over.store(true, Ordering::Relaxed);
    });
    for export in &exports {
        let manifest = export.wait().unwrap();
        assert!(manifest.errors.is_empty(), "{:?}", manifest.errors);
        let trace = Trace::read(export.folder().unwrap());
        assert_eq!(trace.losses("unreadable"), 0, "{}", export.session());
    }
    assert!(exports.len() > sessions, "{} of {sessions} sessions", exports.len());
    start_profile_with(bench.config()).unwrap();
    let Status::Active(progress) = status() else { panic!("a session is active") };
    // One chunk for each living stream: this thread's, and those that threads without a stream
    // share. Each of the many sessions before has used sixteen.
    assert!(progress.buffered_bytes <= 20 << 16, "{} bytes are still in use", progress.buffered_bytes);
    stop_profile().unwrap().wait().unwrap();
}
