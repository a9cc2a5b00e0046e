//! Loss ledger: threads count their own ranges, and every one of them is in the trace or in a loss
//! counter.

use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use profiler_runtime::memory::{Device, record_alloc, record_free};
use profiler_runtime::{stage, start_profile_with, stop_profile};
use profiler_tests::Bench;
use profiler_tests::ledger::{CHANGES, Id, counted, described, found, read};

fn count_to(made: &AtomicU64, ranges: u64) {
    (0..ranges).for_each(|_| counted(Id(made.fetch_add(1, Ordering::Relaxed))));
}

#[test]
fn short_threads_in_a_small_budget_lose_nothing_uncounted() {
    let bench = Bench::alone();
    for (what, change) in CHANGES {
        let made = AtomicU64::new(0);
        let trace = bench.record(change(bench.config().max_buffer_mb(1)), || {
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..10 {
                            thread::scope(|inner| drop(inner.spawn(|| count_to(&made, 400))));
                            count_to(&made, 400);
                        }
                    });
                }
            });
            count_to(&made, 14_000);
        });
        let made = made.into_inner();
        assert_eq!(found(&trace), made, "{what}");
        assert!((trace.count("counted") as u64) < made, "{what}: there was no room for all");
    }
}

#[test]
fn without_room_ranges_and_allocations_are_counted_apart() {
    let bench = Bench::alone();
    for (what, is_file) in [("memory", false), ("a file", true)] {
        let config = described(bench.config()).torch_profiler_with_memory(true).max_buffer_mb(1);
        let made = AtomicU64::new(0);
        let trace = bench.record(config.spool(is_file).max_spool_mb(2), || {
            for _ in 0..20_000 {
                count_to(&made, 1);
                record_alloc(Device::Cuda(0), 64, 1);
                record_free(Device::Cuda(0), 64, 1);
            }
        });
        assert_eq!(found(&trace), made.into_inner(), "{what}");
        let all = trace.json["traceEvents"].as_array().unwrap();
        let shown = all.iter().filter(|event| event["name"] == "[memory]").count() as u64;
        assert_eq!(shown + trace.losses("memory_events"), 40_000, "{what}");
        assert!(trace.losses("missing") > 0 && trace.losses("memory_events") > 0, "{what}");
    }
}

#[test]
fn threads_blocked_at_stop_show_each_open_range_once() {
    const THREADS: usize = 4;
    let bench = Bench::alone();
    for (what, change) in CHANGES {
        let (made, blocked, free) = (AtomicU64::new(0), Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        thread::scope(|scope| {
            start_profile_with(change(bench.config().max_buffer_mb(1))).unwrap();
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let _outer = stage!("blocked");
                    count_to(&made, 4_000);
                    let _inner = stage!("blocked");
                    blocked.wait();
                    free.wait();
                });
            }
            blocked.wait();
            let stopped = stop_profile().unwrap();
            start_profile_with(change(bench.config())).unwrap();
            free.wait();
            let trace = read(&stopped);
            let open = trace.count("blocked") as u64;
            assert_eq!(found(&trace) + open, made.load(Ordering::Relaxed) + 2 * THREADS as u64, "{what}");
            assert_eq!(trace.losses("unfinished"), open, "{what}");
        });
        let next = read(&stop_profile().unwrap());
        assert_eq!((next.count("blocked"), next.losses("missing"), next.losses("unfinished")), (0, 0, 0), "{what}");
    }
}

/// Value that records a range while the thread's thread-locals are dropped.
struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        (0..10).for_each(|_| counted(Id(0)));
    }
}

#[test]
fn what_a_thread_records_while_it_ends_is_shown_or_counted() {
    thread_local! {
        static BEFORE: Cell<Option<Late>> = const { Cell::new(None) };
        static AFTER: Cell<Option<Late>> = const { Cell::new(None) };
    }
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        for _ in 0..5 {
            let one = || {
                BEFORE.set(Some(Late));
                counted(Id(0));
                AFTER.set(Some(Late));
            };
            thread::spawn(one).join().unwrap();
        }
    });
    assert_eq!(found(&trace), 5 * 21);
}
