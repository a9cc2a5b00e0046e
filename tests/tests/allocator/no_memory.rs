//! Recording while the program's allocator refuses memory: the program goes on, and lost ranges are
//! counted.
//!
//! Each program is a separate process, so that it meets every first use without memory. The
//! allocator fails only while a thread is in calls of the profiler.

#![allow(clippy::print_stdout)]

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use profiler_runtime::memory::{Device, record_alloc, record_free};
use profiler_runtime::{
    ProfilerConfig, op, profiled_op, profiled_stage, profiled_step, request, request_scope, stage, step,
};
use profiler_tests::tasks::poll;
use profiler_tests::{Bench, Trace, child_of, in_child, succeeded};

/// Interval of failures: every n-th allocation fails.
static EVERY: AtomicU64 = AtomicU64::new(1);
/// Number of allocations that might have failed, and of those that did.
static ASKED: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// True if this thread's allocations may fail.
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the allocation that this thread asks for fails.
pub(super) fn fails() -> bool {
    let is_due = || ASKED.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY.load(Ordering::Relaxed));
    if !FAILS.get() || !is_due() {
        return false;
    }
    FAILED.fetch_add(1, Ordering::Relaxed);
    true
}

/// Runs the program's own code inside a call of the profiler: its allocations do not fail.
fn without_failures<R>(run: impl FnOnce() -> R) -> R {
    let failed = FAILS.replace(false);
    let result = run();
    FAILS.set(failed);
    result
}

#[profiled_stage("work")]
fn work() {}

#[profiled_op("described", shapes([1.0_f32, 2.0], 7_u32), flops = 8_u64)]
fn described() {}

#[profiled_step("iteration")]
fn iteration(depth: u32) {
    if depth > 0 {
        iteration(depth - 1);
    }
}

#[profiled_op("awaited", shapes([1.0_f32, 2.0], 7_u32), flops = 8_u64)]
async fn awaited() {
    black_box(());
}

#[profiled_stage("boxed")]
fn boxed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    without_failures(|| Box::pin(async {}) as _)
}

fn finish_at_once(future: impl Future<Output = ()>) {
    assert!(poll(pin!(future)).is_ready());
}

/// Opens more guards at once than there is room for without memory.
fn nested(depth: u32) {
    if depth > 0 {
        let _request = request("nested");
        let _stage = stage("nested");
        nested(depth - 1);
    }
}

/// Name of ranges whose own name found no memory.
const OVERFLOW: &str = "(too many dynamic names)";
const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Records each kind of range. Returns the number of ranges of functions and guards, and that of
/// polls.
fn everything(round: usize, with_futures: bool) -> [u64; 2] {
    work();
    described();
    drop(op!("block", shapes([1_u32; 3]), flops = 7));
    drop(step!("loop", 3));
    drop(stage(NAMES[round % NAMES.len()]));
    drop(op(NAMES[round % NAMES.len()]));
    iteration(6);
    nested(3);
    record_alloc(Device::Cuda(0), 64, 1);
    record_free(Device::Cuda(0), 64, 1);
    if !with_futures {
        return [6 + 7 + 6, 0];
    }
    finish_at_once(awaited());
    finish_at_once(awaited());
    finish_at_once(boxed());
    finish_at_once(request_scope("scope", async {}));
    [6 + 7 + 6, 4]
}

/// Change of a configuration that makes it record more than ranges.
type Ask = fn(ProfilerConfig) -> ProfilerConfig;

const ASKS: [(&str, Ask); 8] = [
    ("nothing else", |config| config),
    ("shapes", |config| config.torch_profiler_record_shapes(true).torch_profiler_with_flops(true)),
    ("memory", |config| config.torch_profiler_with_memory(true)),
    ("selected stages", |config| config.stages(["*"])),
    ("CPU time", |config| config.cpu_time(true)),
    ("stacks", |config| config.torch_profiler_with_stack(true)),
    ("a file", |config| config.spool(true)),
    ("a ring", |config| config.ring(true).max_buffer_mb(1)),
];

/// Records everything without memory on three threads, up to their ends.
fn record(with_futures: bool) -> [u64; 2] {
    let one = move || {
        FAILS.set(true);
        let mut done = [0; 2];
        // Enough rounds to pass the ends of two chunks, and of a ring's memory.
        for round in 0..if with_futures { 100 } else { 1000 } {
            let [ranges, polls] = everything(round, with_futures);
            done = [done[0] + ranges, done[1] + polls];
        }
        done
    };
    let threads: Vec<_> = (0..3).map(|_| thread::spawn(one)).collect();
    threads.into_iter().fold([0; 2], |sum, thread| {
        let [ranges, polls] = thread.join().unwrap();
        [sum[0] + ranges, sum[1] + polls]
    })
}

/// Asserts that everything is shown or counted: each range of a function or a guard once, each
/// future's life and its poll.
fn accounts(what: &str, trace: &Trace, [ranges, polls]: [u64; 2]) {
    let names = ["work", "described", "block", "loop", "iteration", "nested", "request", "awaited", "boxed", OVERFLOW];
    let named: usize = names.iter().chain(&NAMES).map(|name| trace.count(name)).sum();
    let shown = (named + trace.steps().len()) as u64;
    // A future whose only poll is lost still has its end.
    let counted = ["missing", "overwritten", "began_before"].map(|cause| trace.losses(cause));
    let (failed, asked) = (FAILED.swap(0, Ordering::Relaxed), ASKED.swap(0, Ordering::Relaxed));
    println!("{what}: {failed} of {asked} failed: {shown} are shown, {counted:?} counted");
    assert!(failed > 0, "{what}");
    assert_eq!(shown + counted.iter().sum::<u64>(), ranges + 2 * polls, "{what}: {}", trace.json["profiler"]["losses"]);
}

/// G11: recording survives an allocator that fails at every n-th allocation of the recorder.
#[test]
fn recording_survives_an_allocator_that_fails() {
    for every in [1, 2, 3, 5, 7] {
        println!("every {every}");
        let output = succeeded(child_of("program_without_memory").env("EVERY", every.to_string()));
        println!("{}", [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat());
    }
}

#[test]
#[ignore = "run by the test above, as processes of their own"]
fn program_without_memory() {
    if !in_child() {
        return;
    }
    EVERY.store(std::env::var("EVERY").unwrap().parse().unwrap(), Ordering::Relaxed);
    let bench = Bench::alone();
    for (what, ask) in ASKS {
        let mut done = [0; 2];
        // A ring does not count the lives of futures that it overwrites.
        let trace = bench.record(ask(bench.config()), || done = record(what != "a ring"));
        accounts(what, &trace, done);
    }
}
