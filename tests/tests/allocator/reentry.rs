//! Annotated functions that run while the recorder itself may be running: in a signal handler, in
//! the global allocator, in destructors of thread-locals, while a panic unwinds, and in the
//! description of a call.
//!
//! Each test runs a separate program, which must end in time. With the trap flag of x86-64, a
//! signal follows *every* instruction, so that the handler runs at each instruction of the
//! recorder.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::reentry_support::{ANNOTATED, Storm, ends, handle, trapped};
use profiler_runtime::shape::Shaped;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, stage};
use profiler_tests::{Bench, Trace, in_child};

#[profiled_stage("work")]
fn work() {}

#[profiled_op("described", shapes([1.0_f32, 2.0]), flops = 8_u64)]
fn described() {}

#[profiled_stage("handled")]
fn handled() {}

#[profiled_stage("outer.of.handler")]
fn handled_twice() {
    handled();
}

/// Number of ranges that handlers began.
static BEGUN: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_signal(_: i32) {
    BEGUN.fetch_add(3, Ordering::Relaxed);
    handled();
    handled_twice();
}

/// Asserts that every range of the interrupted thread is shown, and each of the handler's is shown
/// or counted.
fn all_are_there_or_counted(trace: &Trace, works: usize, ops: usize) {
    assert_eq!((trace.count("work"), trace.count("described")), (works, ops));
    let shown = (trace.count("handled") + trace.count("outer.of.handler")) as u64;
    let (begun, lost) = (BEGUN.load(Ordering::Relaxed), trace.losses("reentered"));
    // A handler that interrupts a description cannot describe its own range: the range is shown,
    // but also counted.
    assert!((begun..=begun + begun / 500).contains(&(shown + lost)), "{begun}: {shown} are shown, {lost} counted");
    assert_eq!(trace.losses("missing"), lost);
    let at_most = |what| assert!(trace.losses(what) <= 2, "{what}: {}", trace.losses(what));
    ["unfinished", "unreadable", "began_before"].into_iter().for_each(at_most);
}

fn in_every_instruction(config: ProfilerConfig) {
    let bench = Bench::alone();
    let config = config.torch_profiler_dir(bench.path());
    handle(libc::SIGTRAP, on_signal);
    let trace = bench.record(config, || {
        // Covers the thread's first range and the end of its first chunk.
        let new = || {
            trapped(|| {
                (0..4).for_each(|_| work());
                (0..2).for_each(|_| described());
            });
            // Stops a few entries before the end of a chunk, which is then passed instruction by
            // instruction.
            (0..60).for_each(|_| work());
            for _ in 0..3 {
                trapped(work);
                (0..19).for_each(|_| work());
            }
        };
        thread::spawn(new).join().unwrap();
    });
    all_are_there_or_counted(&trace, 4 + 60 + 60, 2);
    assert!(trace.count("handled") > 1000, "handlers were recorded where that was possible");
}

/// C2, G9: a handler's range is recorded, or dropped and counted, whichever instruction it
/// interrupts.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_signal_handler_may_interrupt_any_instruction() {
    ends("program_with_traps");
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn program_with_traps() {
    if in_child() {
        in_every_instruction(ProfilerConfig::torch("/"));
    }
}

/// C2, G9: the same holds for everything that the slow path does.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_signal_handler_may_interrupt_the_slow_path() {
    ends("program_with_traps_on_the_slow_path");
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn program_with_traps_on_the_slow_path() {
    if in_child() {
        let config = ProfilerConfig::torch("/")
            .cpu_time(true)
            .torch_profiler_record_shapes(true)
            .torch_profiler_with_flops(true);
        in_every_instruction(config.stages(["work", "described", "handled", "outer.*"]));
    }
}

/// C2: a handler that interrupts the start or the stop of a session does not wait for its locks.
#[test]
fn a_signal_handler_may_interrupt_start_and_stop() {
    ends("program_that_starts_and_stops");
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn program_that_starts_and_stops() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    handle(libc::SIGUSR1, on_signal);
    // SAFETY: the function has no preconditions.
    let main = unsafe { libc::pthread_self() };
    let storm = Storm::on(main, libc::SIGUSR1);
    for _ in 0..20 {
        bench.record(bench.config(), || (0..200).for_each(|_| work()));
    }
    drop(storm);
}

/// G9: the allocator's ranges inside the recorder are dropped and counted; there is no recursion.
#[test]
fn an_allocator_may_be_annotated() {
    ends("program_with_an_annotated_allocator");
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn program_with_an_annotated_allocator() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    ANNOTATED.store(true, Ordering::Relaxed);
    let trace = bench.record(bench.config(), || {
        let one = || {
            for count in 1..500 {
                work();
                std::hint::black_box(Vec::<u8>::with_capacity(count));
            }
        };
        (0..4).map(|_| thread::spawn(one)).collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    });
    ANNOTATED.store(false, Ordering::Relaxed);
    assert_eq!(trace.count("work"), 4 * 499);
    assert!(trace.count("alloc") >= 4 * 499);
    assert!(trace.losses("reentered") > 0, "the first range of a thread allocates");
}

/// Value that records a range when it is dropped with its thread.
struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        handled();
        drop(stage!("at.end"));
    }
}

thread_local! {
    static BEFORE: Cell<Option<AtEnd>> = const { Cell::new(None) };
    static AFTER: Cell<Option<AtEnd>> = const { Cell::new(None) };
}

/// G9: a range in a thread-local's destructor, before or after the recorder's own, is recorded or
/// counted.
#[test]
fn a_thread_locals_destructor_may_be_annotated() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        thread::spawn(|| {
            // Destructors run in the order in which the thread-locals were first used, or in the
            // reverse order: one of the two runs before the recorder's, one after it.
            BEFORE.set(Some(AtEnd));
            work();
            AFTER.set(Some(AtEnd));
        })
        .join()
        .unwrap();
    });
    assert_eq!(trace.count("work"), 1);
    assert_eq!(trace.count("handled") as u64 + trace.count("at.end") as u64 + trace.losses("ending_threads"), 4);
    assert!(trace.count("handled") >= 1);
}

/// G9: guards end while a panic unwinds, and a drop may begin a range meanwhile.
#[test]
fn a_drop_during_unwinding_may_be_annotated() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        let unwinds = || {
            let _at_end = AtEnd;
            let _open = stage!("unwinds");
            panic!("as a program's may");
        };
        assert!(thread::Builder::new().spawn(unwinds).unwrap().join().is_err());
    });
    let counts = ["unwinds", "handled", "at.end"].map(|name| trace.count(name));
    assert_eq!((counts, trace.losses("missing"), trace.losses("unfinished")), ([1; 3], 0, 0));
}

/// Input that panics, or runs annotated code, when it writes its shape.
struct Odd(bool);

impl Shaped for Odd {
    fn write_shape(&self, out: &mut profiler_runtime::shape::ShapeWriter) {
        handled();
        assert!(!self.0, "as a user's may");
        out.scalar();
    }
}

#[profiled_op("odd", shapes(input), flops = 2_u64)]
fn odd(input: &Odd) -> u32 {
    u32::from(input.0)
}

#[profiled_op("odd.async", shapes(input))]
async fn odd_async(input: &Odd) -> u32 {
    u32::from(input.0)
}

/// G10: the description of a call may panic or be annotated; the call is made and recorded all the
/// same.
#[test]
fn a_shape_that_panics_is_no_panic_of_the_program() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().torch_profiler_record_shapes(true).torch_profiler_with_flops(true), || {
        assert_eq!([odd(&Odd(false)), odd(&Odd(true))], [0, 1]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(odd_async(&Odd(true))), 1);
        assert_eq!(runtime.block_on(odd_async(&Odd(false))), 0);
    });
    // An async call has a life and a poll.
    assert_eq!((trace.count("odd"), trace.count("odd.async")), (2, 4));
    assert_eq!(trace.losses("descriptions_failed"), 2);
}
