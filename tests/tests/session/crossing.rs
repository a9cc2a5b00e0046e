//! Guards that are made, moved, reassigned, kept in fields and leaked in any order: each range
//! keeps its own begin and end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use profiler_runtime::artifacts::{GroupBy, Manifest};
use profiler_runtime::{
    ProfilerConfig, Range, op, profiled_stage, profiled_step, request, request_scope, stage, start_profile_with, step,
    stop_profile,
};
use profiler_tests::{Bench, Trace, timing};
use serde_json::Value;

/// Results of a session around `work`.
struct Ran {
    trace: Trace,
    timing: Value,
    manifest: Manifest,
}

fn record(config: ProfilerConfig, work: impl FnOnce()) -> Ran {
    start_profile_with(config).unwrap();
    work();
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    Ran { trace: Trace::read(folder), timing: timing(folder), manifest }
}

/// Returns a time of a stage or of a report in nanoseconds.
fn time(of: &Value, what: &str) -> f64 {
    let ns = of[format!("{what}_ns")].as_f64();
    ns.unwrap_or_else(|| of[format!("{what}_ms")].as_f64().unwrap() * 1e6)
}

impl Ran {
    fn stage(&self, name: &str) -> &Value {
        self.timing["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
    }

    /// Returns sum and self time of a stage in the timing report, and its self time in the operator
    /// table.
    fn times(&self, name: &str) -> [f64; 3] {
        let table = self.manifest.key_averages(GroupBy::Name);
        let row = table.rows().iter().find(|row| row.name == name).unwrap();
        // CAST: exact, because the time is shorter than 104 days.
        let own = row.self_cpu_time.as_nanos() as f64;
        [time(self.stage(name), "sum"), time(self.stage(name), "self"), own]
    }

    /// Returns the total time of the slices of this name in the trace.
    fn traced(&self, name: &str) -> f64 {
        self.trace.named(name).iter().map(|slice| (slice.end - slice.begin) * 1000.0).sum()
    }

    /// Asserts that stages of this name took so long in all artifacts, and had nothing inside.
    fn assert_took(&self, name: &str, long: Duration) {
        // CAST: exact, because the time is shorter than 104 days.
        let long = long.as_nanos() as f64;
        for found in self.times(name).into_iter().chain([self.traced(name)]) {
            assert!((found - long).abs() < 8e6, "{name}: {found} ns, and it was {long}: {}", self.timing);
        }
    }
}

/// Sleeps, and returns the time that it took.
fn work(ms: u64) -> Duration {
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(ms));
    begun.elapsed()
}

/// A1: a guard that replaces another is its sibling, although Rust drops the old one later.
#[test]
fn guards_that_replace_each_other_are_siblings() {
    let bench = Bench::alone();
    let mut took = Vec::new();
    let ran = record(bench.config(), || {
        let mut _p = stage!("a");
        took.push(work(20));
        _p = stage!("b");
        took.push(work(40));
        _p = stage!("c");
        took.push(work(10));
        drop(op!("inner"));
    });
    for (name, long) in ["a", "b", "c"].into_iter().zip(&took) {
        ran.assert_took(name, *long);
    }
    assert!(time(&ran.timing, "unaccounted") < 20e6, "{}", ran.timing);
    assert_eq!(ran.trace.count("inner"), 1);
    assert_eq!(ran.trace.losses("unfinished") + ran.trace.losses("began_before"), 0);
}

/// A1: guards in fields, which are dropped in the order of declaration, keep their own ends.
#[test]
fn fields_dropped_in_another_order_than_made_keep_their_ends() {
    struct Both {
        _first: Range,
        _between: Duration,
        _second: Sleeps,
    }
    struct Sleeps(Option<Range>);
    impl Drop for Sleeps {
        fn drop(&mut self) {
            work(20);
            self.0 = None;
        }
    }
    let bench = Bench::alone();
    let ran = record(bench.config(), || {
        let first = stage!("first");
        let between = work(10);
        drop(Both { _first: first, _between: between, _second: Sleeps(Some(stage!("second"))) });
    });
    let [first, second] = ["first", "second"].map(|name| ran.trace.named(name).remove(0));
    assert!(second.end - first.end > 19_000.0, "{first:?} {second:?}");
    let [sum, own, table] = ran.times("first");
    assert!((sum, own) == (table, table), "nothing is inside: {sum} {own} {table}");
}

/// A1: `r = request("2")` over `r = request("1")` is a separate request.
#[test]
fn a_request_that_replaces_another_is_no_part_of_it() {
    let bench = Bench::alone();
    let ran = record(bench.config(), || {
        let mut _r = request("1");
        drop(stage!("of one"));
        work(5);
        _r = request("2");
        work(5);
        drop(stage!("of two"));
    });
    let requests = ran.trace.named("request");
    assert_eq!(requests.len(), 2);
    assert!(requests[1].begin < requests[0].end && requests[1].end - requests[0].end > 4_000.0);
    assert!(ran.trace.named("of two")[0].begin > requests[0].end);
}

/// A1: `s = step!("s", i)` in a loop is one loop of steps.
#[test]
fn steps_that_replace_each_other_are_one_loop() {
    let bench = Bench::alone();
    let ran = record(bench.config(), || {
        let mut _s = step!("s", 10);
        for index in 11..14 {
            work(2);
            _s = step!("s", index);
        }
        work(2);
    });
    let steps = ran.trace.steps();
    let all: Vec<_> = ran.trace.named("s").into_iter().chain(steps).collect();
    assert!(all.len() == 4 && all.iter().all(|step| step.end - step.begin > 1_900.0), "{all:?}");
    // The first `step!` in the code is another site, and so another loop.
    let sizes: Vec<_> = ran.timing["loops"].as_array().unwrap().iter().map(|each| each["steps"].clone()).collect();
    assert!(sizes.len() == 2, "{sizes:?}");
}

/// A1: each step that replaces another is an iteration for the schedule.
#[test]
fn steps_that_replace_each_other_drive_the_schedule() {
    let bench = Bench::alone();
    let ran = record(bench.config().delay_iterations(1).max_iterations(3), || {
        let mut step = None;
        for index in 0..8 {
            step = Some((step!("s", index), step.take().is_some()));
            work(1);
        }
        drop(step);
    });
    assert_eq!((ran.trace.ended_by(), ran.trace.step_numbers()), ("iterations", vec![1, 2, 3]));
    assert_eq!(ran.trace.step_indices(), [1, 2, 3]);
    assert!(ran.trace.steps().iter().all(|step| step.end - step.begin > 900.0));
    assert_eq!(ran.timing["loops"].as_array().unwrap().len(), 1);
}

#[profiled_step("token", index = index)]
async fn token(index: u64) {
    for part in 0..2 {
        let _part = step!("part", part);
        tokio::task::yield_now().await;
    }
}

/// A1: a step that is held over `.await` ends in another poll of the step around it, and stays
/// inside that step.
#[test]
fn steps_over_awaits_leave_the_schedule_to_the_outer_loop() {
    let bench = Bench::alone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ran = record(bench.config().delay_iterations(1).max_iterations(2), || {
        runtime.block_on(async {
            for index in 0..5 {
                token(index).await;
            }
        });
    });
    assert_eq!((ran.trace.ended_by(), ran.trace.step_indices()), ("iterations", vec![1, 2]));
    assert_eq!(ran.trace.count("part"), 4);
}

/// Future that is pending until this moment.
struct Until(Instant);

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.0 {
            return Poll::Ready(());
        }
        std::thread::sleep(Duration::from_micros(200));
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[profiled_stage("branch.short")]
async fn short() -> Duration {
    let (begun, _held) = (Instant::now(), stage!("held.short"));
    Until(begun + Duration::from_millis(20)).await;
    begun.elapsed()
}

#[profiled_stage("branch.long")]
async fn long() -> Duration {
    let (begun, _held) = (Instant::now(), stage!("held.long"));
    Until(begun + Duration::from_millis(40)).await;
    drop(stage!("inner"));
    begun.elapsed()
}

/// A1: guards over `.await` in two futures of one `join!` stay apart.
#[test]
fn guards_over_awaits_are_in_their_own_futures() {
    let bench = Bench::alone();
    let mut took = (Duration::ZERO, Duration::ZERO);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ran = record(bench.config(), || took = runtime.block_on(async { tokio::join!(long(), short()) }));
    for (name, long) in [("held.long", took.0), ("held.short", took.1)] {
        // CAST: exact, because the time is shorter than 104 days.
        let long = long.as_nanos() as f64;
        assert!((time(ran.stage(name), "sum") - long).abs() < 8e6 && (ran.traced(name) - long).abs() < 8e6, "{name}");
    }
    for name in ["held.long", "held.short"] {
        let held = ran.trace.named(name).remove(0);
        let busy = held.args["busy_us"].as_f64().expect("a guard over `.await` says how long it was busy");
        assert!(0.0 < busy && busy < held.end - held.begin, "{name}: {busy} µs");
    }
    let depth = |name| ran.stage(name)["depth"].as_u64().unwrap();
    let depths = ["branch.long", "held.long", "inner", "branch.short", "held.short"].map(depth);
    assert_eq!(depths, [0, 1, 2, 0, 1], "{}", ran.timing);
}

/// A1: the poll of a request's future does not end the guard of another request.
#[test]
fn a_request_held_over_the_polls_of_another_keeps_its_end() {
    let bench = Bench::alone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let held = async {
        let _held = request("held");
        Until(Instant::now() + Duration::from_millis(10)).await;
        drop(op!("last"));
    };
    let ran = record(bench.config(), || runtime.block_on(request_scope("around", held)));
    let last = ran.trace.named("last").remove(0);
    let requests = ran.trace.named("request");
    let held = requests.iter().filter(|slice| slice.args["polls"].is_null() && slice.end - slice.begin > 9_000.0);
    let held: Vec<_> = held.filter(|slice| last.is_inside(slice)).collect();
    assert_eq!(held.len(), 1, "{requests:?}");
    assert_eq!(ran.trace.losses("unfinished") + ran.trace.losses("began_before"), 0);
}

/// A1: guards that a recursive function keeps in a `Vec` end when they are dropped.
#[test]
fn guards_kept_anywhere_end_when_they_are_dropped() {
    fn same(into: &mut Vec<Range>, depth: u32) {
        into.push(stage!("same"));
        work(2);
        if depth > 0 {
            same(into, depth - 1);
        }
    }
    let bench = Bench::alone();
    let ran = record(bench.config(), || {
        let mut kept = Vec::new();
        same(&mut kept, 2);
        // Drops the guards in the order in which they began.
        kept.into_iter().for_each(|guard| {
            drop(guard);
            work(2);
        });
    });
    let same = ran.trace.named("same");
    assert_eq!(same.len(), 3);
    for (one, next) in same.iter().zip(&same[1..]) {
        assert!(next.begin - one.begin > 1_900.0 && next.end - one.end > 1_900.0, "{same:?}");
    }
}

/// A1: guards of an earlier session, and leaked ones, end no range of this session.
#[test]
fn guards_of_another_session_and_leaked_ones_end_nobody() {
    let bench = Bench::alone();
    let early = stage("name");
    start_profile_with(bench.config()).unwrap();
    let before = stage("name");
    stop_profile().unwrap().wait().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ran = record(ProfilerConfig::torch(folder.path()), || {
        std::mem::forget(stage("leaked"));
        let own = stage("name");
        drop(before);
        drop(early);
        work(5);
        drop(own);
    });
    let named = ran.trace.named("name");
    assert!(named.len() == 1 && named[0].end - named[0].begin > 4_900.0, "{named:?}");
    assert!(ran.trace.named("leaked")[0].is("unfinished") || ran.trace.losses("unfinished") == 1);
    assert_eq!(ran.trace.losses("began_before"), 1);
}

/// A1: a ring counts each guard once, and ends each, although it overwrites begins of open guards.
#[test]
fn a_ring_of_guards_accounts_for_each_and_ends_each() {
    let bench = Bench::alone();
    const COUNT: u64 = 100_000;
    let ran = record(bench.config().ring(true).max_buffer_mb(1), || {
        let next = || stage!("next");
        let first = next();
        let mut last = next();
        for _ in 2..COUNT {
            last = next();
        }
        drop((first, last));
    });
    let shown = ran.trace.named("next");
    let accounts = [shown.len() as u64 + ran.trace.losses("overwritten"), ran.trace.losses("missing")];
    assert_eq!(accounts, [COUNT, 0]);
    assert_eq!(ran.trace.losses("unfinished") + ran.trace.losses("began_before"), 0);
    let longest = shown.iter().map(|slice| slice.end - slice.begin).fold(0.0, f64::max);
    assert_eq!(shown.iter().filter(|slice| slice.is("began_before")).count(), 2);
    assert!(shown.iter().any(|slice| slice.is("began_before") && slice.end - slice.begin == longest));
}
