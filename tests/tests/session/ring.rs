//! Flight recorder: the newest ranges stay, everything is counted, and dumps are written while
//! recording goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::{
    Error, ExportHandle, dump_profile, profiled_op, profiled_step, stage, start_profile_with, stop_profile,
};
use profiler_tests::{Bench, Hold, Trace, held, report};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {}

#[profiled_step("iteration", index = index)]
fn iteration(index: u64, leaves: u64) {
    (0..leaves).for_each(|_| leaf());
}

/// Waits until the condition holds.
fn wait_until(holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it has not come true");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the export, and reads its trace.
fn trace(stopped: &ExportHandle) -> Trace {
    let manifest = stopped.wait().unwrap();
    assert!(manifest.errors.is_empty(), "{:?}", manifest.errors);
    Trace::read(stopped.folder().unwrap())
}

/// Returns the numbers of ranges that are shown, overwritten, and lost for want of room.
fn accounts(trace: &Trace, names: &[&str]) -> [u64; 3] {
    let shown = names.iter().map(|name| trace.count(name) as u64).sum();
    [shown, trace.losses("overwritten"), trace.losses("missing")]
}

#[test]
fn a_full_ring_keeps_the_newest_ranges_and_counts_the_others() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().ring(true).max_buffer_mb(1), || {
        drop(stage!("first"));
        (0..100_000).for_each(|_| leaf());
        drop(stage!("last"));
    });
    let [shown, overwritten, missing] = accounts(&trace, &["first", "leaf", "last"]);
    assert_eq!((shown + overwritten, missing), (100_002, 0));
    assert_eq!((trace.count("first"), trace.count("last")), (0, 1));
    assert!((15 * 2048..=16 * 2048).contains(&shown), "1 MiB holds 16 chunks, {shown} ranges are shown");
}

#[test]
fn a_range_without_its_begin_is_shown_from_the_kept_part() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().ring(true).max_buffer_mb(1), || {
        let _outer = stage!("outer");
        let _inner = stage!("inner");
        (0..60_000).for_each(|_| leaf());
    });
    let [shown, overwritten, missing] = accounts(&trace, &["outer", "inner", "leaf"]);
    assert_eq!((shown + overwritten, missing, trace.losses("clipped")), (60_002, 0, 2));
    let (outer, inner) = (&trace.named("outer")[0], &trace.named("inner")[0]);
    assert!(outer.is("began_before") && inner.is("began_before") && inner.is_inside(outer));
    let leaves = trace.named("leaf");
    assert!(leaves.iter().all(|leaf| leaf.is_inside(inner) && !leaf.is("began_before")));
    assert!(leaves[0].begin - outer.begin < 100_000.0, "the trace begins with what is kept");
}

#[test]
fn threads_that_come_and_go_share_one_ring_exactly() {
    let bench = Bench::alone();
    let made = AtomicU64::new(0);
    start_profile_with(bench.config().ring(true).max_buffer_mb(1)).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..40 {
                    // Ends a thread: its stream has to be freed with its last range.
                    thread::spawn(|| (0..700).for_each(|_| leaf())).join().unwrap();
                    (0..500).for_each(|_| leaf());
                    made.fetch_add(1_200, Ordering::Relaxed);
                }
            });
        }
    });
    drop(stage!("last"));
    let trace = trace(&stop_profile().unwrap());
    let [shown, overwritten, missing] = accounts(&trace, &["leaf"]);
    assert_eq!(shown + overwritten + missing, made.into_inner());
    assert!(shown > 2_000 && overwritten > 100_000, "{shown} shown, {overwritten} overwritten");
    assert_eq!(trace.count("last"), 1);
}

#[test]
fn the_last_iterations_are_shown_under_their_own_numbers() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().ring(true).ring_steps(3), || {
        (0..10).for_each(|index| iteration(100 + index, 5));
    });
    assert_eq!((trace.step_numbers(), trace.step_indices()), (vec![7, 8, 9], vec![107, 108, 109]));
    assert_eq!((trace.count("leaf"), trace.losses("overwritten")), (15, 7 * 6));
    let trace = bench.record(bench.config().ring(true).max_buffer_mb(1), || {
        (0..100).for_each(|index| iteration(100 + index, 1_000));
    });
    let numbers = trace.step_numbers();
    assert_eq!(numbers.last(), Some(&99), "{numbers:?}");
    assert_eq!(trace.step_indices(), numbers.iter().map(|number| number + 100).collect::<Vec<_>>());
}

#[test]
fn the_last_seconds_are_shown() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().ring(true).ring_secs(1.0), || {
        let _open = stage!("open");
        drop(stage!("old"));
        thread::sleep(Duration::from_millis(1_300));
        drop(stage!("new"));
    });
    assert_eq!((trace.count("old"), trace.count("new"), trace.count("open")), (0, 1, 1));
    assert_eq!((trace.losses("overwritten"), trace.losses("clipped")), (1, 1));
    assert!((trace.seconds() - 1.0).abs() < 0.05, "{} s", trace.seconds());
}

#[test]
fn dumps_are_written_while_four_threads_record_on() {
    for ring in [false, true] {
        let bench = Bench::alone();
        let (made, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let megabytes = if ring { 1 } else { 256 };
        start_profile_with(bench.config().ring(ring).max_buffer_mb(megabytes)).unwrap();
        let mut dumps = Vec::new();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) && made.load(Ordering::Relaxed) < 80_000 {
                        let _outer = stage!("outer");
                        (0..99).for_each(|_| leaf());
                        made.fetch_add(100, Ordering::Relaxed);
                    }
                });
            }
            for number in 1..=2 {
                wait_until(|| made.load(Ordering::Relaxed) >= number * 1_000);
                let dump = dump_profile().unwrap();
                assert!(dump.folder().unwrap().starts_with(bench.path()));
                dumps.push(trace(&dump));
            }
            over.store(true, Ordering::Relaxed);
        });
        let session = stop_profile().unwrap();
        let whole = trace(&session);
        let [shown, overwritten, missing] = accounts(&whole, &["outer", "leaf"]);
        assert_eq!(shown + overwritten + missing, made.into_inner(), "ring: {ring}");
        assert_eq!((missing, whole.ended_by()), (0, "stop"));
        for dump in &dumps {
            assert_eq!(dump.ended_by(), "dump");
            assert!(dump.count("leaf") > 100, "ring: {ring}");
            assert!(ring || dump.count("leaf") <= whole.count("leaf"));
        }
        assert!(session.folder().unwrap().join("dump-2/manifest_rank0.json").exists());
    }
}

#[test]
fn a_dump_needs_a_session_that_records() {
    let bench = Bench::alone();
    assert!(matches!(dump_profile(), Err(Error::NotActive)));
    start_profile_with(bench.config().delay_iterations(1)).unwrap();
    let error = dump_profile().unwrap_err();
    assert!(matches!(&error, Error::Dump { .. }) && error.to_string().contains("records nothing yet"), "{error}");
    stop_profile().unwrap().wait().unwrap();
}

#[test]
fn slow_iterations_are_dumped_up_to_a_limit_and_counted() {
    let bench = Bench::alone();
    start_profile_with(bench.config().slow_step_ms(1_000).max_dumps(2)).unwrap();
    #[profiled_step("work")]
    fn work(milliseconds: u64) {
        thread::sleep(Duration::from_millis(milliseconds));
    }
    let is_dumped = |number: usize| {
        let session = std::fs::read_dir(bench.path()).unwrap().next().unwrap().unwrap().path();
        session.join(format!("dump-{number}/manifest_rank0.json")).exists()
    };
    for number in 1..=3 {
        work(1);
        work(1_100);
        // Only one dump may be under way.
        wait_until(|| number > 2 || is_dumped(number));
    }
    work(1);
    let session = stop_profile().unwrap();
    let whole = trace(&session);
    assert_eq!(whole.steps().len(), 7);
    let warnings = whole.warnings();
    assert!(warnings.iter().any(|warning| warning.starts_with("1 iterations took longer than")), "{warnings:?}");
    let folders: Vec<_> = (1..=3).map(|number| session.folder().unwrap().join(format!("dump-{number}"))).collect();
    assert!(!folders[2].exists(), "two dumps are the limit");
    for (folder, steps) in folders.iter().zip([2, 4]) {
        let dump = Trace::read(folder);
        assert_eq!((dump.steps().len(), dump.ended_by()), (steps, "slow_step"));
        let last = dump.steps().pop().unwrap();
        assert!(last.end - last.begin >= 1_000_000.0, "the slow one is the last: {last:?}");
    }
}

#[test]
fn bare_steps_are_measured_from_call_to_call() {
    let bench = Bench::alone();
    let hold = Hold::begin();
    let session = start_profile_with(held(bench.config()).slow_step_ms(150)).unwrap();
    report();
    profiler_runtime::next_step();
    thread::sleep(Duration::from_millis(200));
    profiler_runtime::next_step();
    let stopped = stop_profile().unwrap();
    assert!(!stopped.is_written(), "a stop does not wait for a dump");
    drop(hold);
    assert_eq!(*stopped.session(), session);
    stopped.wait().unwrap();
    assert!(stopped.folder().unwrap().join("dump-1/manifest_rank0.json").exists(), "the wait does");
}
