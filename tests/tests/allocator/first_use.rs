//! Allocations of first uses: a program that watches its latency must not be surprised by the first
//! range of a thread or a site.

use std::sync::Barrier;
use std::thread;

use super::COUNT;
use profiler_runtime::shape::{Dtype, ShapeWriter, Shaped};
use profiler_runtime::{op, profiled_stage, stage, start_profile_with, step, stop_profile};
use profiler_tests::{Bench, child_of, in_child, succeeded};

/// Returns the number of allocations of this thread in `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[profiled_stage("known")]
#[inline(never)]
fn known() {}

struct Tensor;

impl Shaped for Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::F32, &[1, 4096, 1536]);
    }
}

/// Expands to one site per number.
macro_rules! sites {
    ($($number:literal)*) => {
        [$({
            fn site() {
                #[profiled_stage($number)]
                fn of_a_function() {}
                of_a_function();
                drop(stage!($number));
                drop(op!($number, shapes(Tensor), flops = 7));
                drop(step!($number, 3));
            }
            site as fn()
        }),*]
    };
}

/// Returns functions with four sites each.
fn sites() -> Vec<fn()> {
    sites!("1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15" "16" "17" "18" "19" "20").to_vec()
}

/// Returns the numbers of allocations of the first and the second range of each of `count` new
/// threads, which run at the same time.
fn of_new_threads(count: usize) -> Vec<(u64, u64)> {
    let ready = Barrier::new(count);
    thread::scope(|scope| {
        let one = || {
            ready.wait();
            let counts = (allocations(known), allocations(known));
            // No thread ends before all have begun.
            ready.wait();
            counts
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn first_uses_allocate_only_while_recording_and_at_most_once() {
    succeeded(&mut child_of("first_uses"));
}

/// Measures before and during the first session of the process, and so needs a separate process.
#[test]
#[ignore = "run by the test above, as a process of its own"]
fn first_uses() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    // The first range of a process looks for tools.
    known();
    let first_off: u64 = sites().iter().map(allocations).sum();
    assert_eq!(first_off, 0, "sites, while nothing records");
    assert_eq!(of_new_threads(8), [(0, 0); 8], "threads, while nothing records");

    start_profile_with(bench.config().torch_profiler_record_shapes(true)).unwrap();
    known();
    for threads in [1, 30] {
        let counts = of_new_threads(threads);
        assert!(counts.iter().all(|(first, second)| *first <= 1 && *second == 0), "{threads} threads: {counts:?}");
        // A thread that has recorded for long prepares what new threads need.
        (0..5_000).for_each(|_| known());
    }
    // Uses a new thread, because a thread that has recorded for long may need its next chunk at any
    // time.
    let on_new_thread = || {
        known();
        sites().iter().map(|site| (allocations(site), allocations(site))).collect()
    };
    let counts: Vec<_> = thread::spawn(on_new_thread).join().unwrap();
    assert!(counts.iter().all(|(_, second)| *second == 0), "second ranges: {counts:?}");
    // The list of sites grows by doubling.
    let first: u64 = counts.iter().map(|(first, _)| first).sum();
    assert!(counts.iter().all(|(first, _)| *first <= 4) && first <= 8, "first ranges of four sites each: {counts:?}");
    stop_profile().unwrap().wait().unwrap();
}
