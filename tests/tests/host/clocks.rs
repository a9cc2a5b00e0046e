//! Clocks that stand still, jump, are trapped or are wrong: durations are right to one percent, or
//! the artifacts say that they are not.

#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::system_support::{What, child, set};
use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, in_child, manifest, succeeded};

const MS: Duration = Duration::from_millis(1);

/// Records a stage of this length, and returns the time that it took.
fn measured(name: &str, length: Duration) -> Duration {
    let start = Instant::now();
    let range = stage(name);
    thread::sleep(length);
    drop(range);
    start.elapsed()
}

fn folder() -> PathBuf {
    std::env::var_os("FOLDER").unwrap().into()
}

fn start() {
    start_profile_with(ProfilerConfig::torch(folder())).unwrap();
}

/// Stops the session, and returns its trace and its warnings.
fn stop() -> (Trace, Vec<String>) {
    let stopped = stop_profile().unwrap();
    let warnings = stopped.wait().unwrap().warnings;
    let trace = Trace::read(stopped.folder().unwrap());
    let clock = &manifest(stopped.folder().unwrap())["clock"];
    let marked: Vec<_> = marks(&trace).iter().map(|mark| mark["args"].clone()).collect();
    assert_eq!(clock["jumps"].as_array().unwrap_or(&Vec::new()), &marked, "the manifest has what is marked");
    (trace, warnings)
}

/// Returns the clock jumps that the trace marks.
fn marks(trace: &Trace) -> Vec<&serde_json::Value> {
    trace.json["traceEvents"].as_array().unwrap().iter().filter(|event| event["name"] == "clock jump").collect()
}

/// Returns the length of the only clock jump in the trace, which is of this kind, and the part of
/// the recording within which it happened, in seconds.
fn only_mark(trace: &Trace, kind: &str) -> (f64, (f64, f64)) {
    let [mark] = &marks(trace)[..] else { panic!("one mark") };
    assert_eq!((&mark["ph"], &mark["s"], &mark["args"]["kind"]), (&"i".into(), &"g".into(), &kind.into()));
    let seconds = |ns: &str| mark["args"][ns].as_i64().unwrap() as f64 / 1e9;
    let from = mark["ts"].as_f64().unwrap() / 1e6
        - trace.json["profiler"]["begin_unix_ns"].as_u64().unwrap() as f64 / 1e9
        + trace.json["baseTimeNanoseconds"].as_u64().unwrap() as f64 / 1e9;
    (seconds("length_ns"), (from, from + seconds("within_ns")))
}

/// Asserts that the recorded length of the stage agrees with the system's clock.
fn is_right(trace: &Trace, name: &str, took: Duration) {
    let ranges = trace.named(name);
    let [range] = &ranges[..] else { panic!("{name} once") };
    let recorded = Duration::from_secs_f64((range.end - range.begin) / 1e6);
    assert!(recorded.abs_diff(took) < took / 100 + MS / 2, "{name}: {recorded:?}, but it took {took:?}");
}

fn run(name: &str) {
    let bench = Bench::alone();
    succeeded(child(name).env("FOLDER", bench.path()));
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
#[cfg(target_arch = "x86_64")]
fn records_without_the_counter() {
    if !in_child() {
        return;
    }
    // The clock is chosen for each recording: this one still reads the counter.
    start();
    let took = measured("before", 20 * MS);
    is_right(&stop().0, "before", took);
    // SAFETY: from here on, reading the counter is a fault in this thread and in those that it
    // starts.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV) }, 0);
    for _ in 0..2 {
        start();
        let took = measured("trapped", 50 * MS);
        let other = thread::spawn(|| measured("of a thread", 30 * MS)).join().unwrap();
        let (trace, warnings) = stop();
        assert_eq!(warnings, [""; 0]);
        is_right(&trace, "trapped", took);
        is_right(&trace, "of a thread", other);
    }
}

/// B12: the profiler does not read a trapped counter, and uses the system's clock instead.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_trapped_counter_is_not_read() {
    run("records_without_the_counter");
}

/// Simulates a suspend of this length, after earlier ones of length `before`: the monotonic clock
/// stands still, the counter goes on.
fn suspend(length: Duration, before: Duration) {
    thread::sleep(length);
    set(What::Suspended, i64::try_from((before + length).as_nanos()).unwrap());
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn records_around_suspends() {
    if !in_child() {
        return;
    }
    start();
    measured("first", MS);
    stop();
    suspend(400 * MS, Duration::ZERO);
    // B12: later sessions once had a rate of the clock that was measured across the suspend.
    for length in [100 * MS, MS] {
        start();
        let took = measured("after", length);
        let (trace, warnings) = stop();
        is_right(&trace, "after", took);
        assert_eq!(warnings, [""; 0]);
    }
    start();
    let before = measured("before", 100 * MS);
    suspend(400 * MS, 400 * MS);
    let after = measured("after", 100 * MS);
    let (trace, warnings) = stop();
    is_right(&trace, "before", before);
    is_right(&trace, "after", after);
    let [told] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(told.starts_with("the host slept for 0.4"), "{told}");
    // The warning names the stretch of the recording in which the suspend happened.
    let (from, to) =
        told.split_once("between ").unwrap().1.split_once(" s of it").unwrap().0.split_once(" s and ").unwrap();
    let (from, to): (f64, f64) = (from.parse().unwrap(), to.parse().unwrap());
    assert!((0.095..0.3).contains(&from) && (0.45..0.8).contains(&to), "{told}");
    let (length, marked) = only_mark(&trace, "suspend");
    assert!((0.39..0.5).contains(&length), "{length}");
    assert!((marked.0 - from).abs() < 2e-3 && (marked.1 - to).abs() < 2e-3, "{marked:?}, but {told}");
}

/// B12: a suspend before a recording does not bend it; a suspend within is reported and marked, and
/// all durations are right.
#[test]
fn a_suspend_bends_no_duration() {
    run("records_around_suspends");
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn records_while_real_time_is_set() {
    if !in_child() {
        return;
    }
    for hours in [-2, 2] {
        set(What::RealTime, 0);
        start();
        let before = measured("before", 20 * MS);
        set(What::RealTime, hours * 3_600_000_000_000);
        let after = measured("after", 20 * MS);
        let (trace, warnings) = stop();
        is_right(&trace, "before", before);
        is_right(&trace, "after", after);
        let expected = format!("the system's clock was set by {:+}.000 s", hours * 3_600);
        assert!(warnings.iter().any(|told| told.starts_with(&expected)), "{warnings:?}");
        let (length, (from, to)) = only_mark(&trace, "real time");
        assert!((length - hours as f64 * 3600.0).abs() < 0.1 && from.abs() < 1e-3 && to > 0.03, "{length} {from} {to}");
    }
}

/// B12: a step of real time changes no duration, and is reported and marked.
#[test]
fn a_step_of_real_time_bends_no_duration() {
    run("records_while_real_time_is_set");
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn is_killed() {
    if !in_child() {
        return;
    }
    start_profile_with(ProfilerConfig::torch(folder()).spool(true)).unwrap();
    let took: Vec<u128> = (0..20).map(|_| measured("decode", 10 * MS).as_nanos()).collect();
    std::fs::write(folder().join("took"), took.iter().sum::<u128>().to_string()).unwrap();
    // SAFETY: the call has no preconditions; the signal ends this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn recovers_with_another_clock() {
    if in_child() {
        let hours: i64 = std::env::var("HOURS").unwrap().parse().unwrap();
        set(What::RealTime, hours * 3_600_000_000_000);
        assert_eq!(recover(folder()).unwrap().sessions.len(), 1);
    }
}

fn recovered(folder: &Path, hours: &str) -> Trace {
    succeeded(child("recovers_with_another_clock").env("FOLDER", folder).env("HOURS", hours));
    Trace::read(&profiler_tests::spool::only_folder(folder))
}

/// G3: a recording ends where its own anchors say, whatever the clock of the recovering machine
/// shows.
#[test]
fn a_reader_whose_clock_is_behind_cuts_nothing_off() {
    for hours in ["-2", "0", "48"] {
        let bench = Bench::alone();
        assert!(!child("is_killed").env("FOLDER", bench.path()).status().unwrap().success());
        let trace = recovered(bench.path(), hours);
        let took = std::fs::read_to_string(bench.path().join("took")).unwrap().parse().unwrap();
        let ranges = trace.named("decode");
        assert_eq!(ranges.len(), 20, "{hours}");
        let recorded: f64 = ranges.iter().map(|range| range.end - range.begin).sum();
        let (recorded, took) = (Duration::from_secs_f64(recorded / 1e6), Duration::from_nanos(took));
        assert!(recorded.abs_diff(took) < took / 100 + 5 * MS, "{hours}: {recorded:?}, but they took {took:?}");
        assert!(trace.seconds() < 60.0, "{hours}: {} s", trace.seconds());
        assert_eq!(manifest(&profiler_tests::spool::only_folder(bench.path()))["ended_by"], "recovered");
    }
}
