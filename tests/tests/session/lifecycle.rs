//! Start and stop of sessions, and events of the program in between.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use profiler_runtime::session::{Phase, Status};
use profiler_runtime::{Error, ProfilerConfig, stage, start_profile_with, status, stop_profile};
use profiler_tests::{Bench, Hold, Trace, held, manifest, report};

#[test]
fn a_second_start_is_an_error_that_names_the_active_session() {
    let bench = Bench::alone();
    let first = start_profile_with(bench.config()).unwrap();
    let error = start_profile_with(bench.config()).unwrap_err();
    assert!(matches!(&error, Error::AlreadyActive { session } if *session == first), "{error}");
    let stopped = stop_profile().unwrap();
    assert_eq!(*stopped.session(), first, "the first session goes on");
    stopped.wait().unwrap();
}

#[test]
fn stop_twice_is_an_error_not_a_crash() {
    let bench = Bench::alone();
    assert!(matches!(stop_profile(), Err(Error::NotActive)), "nothing has started");
    start_profile_with(bench.config()).unwrap();
    stop_profile().unwrap().wait().unwrap();
    let error = stop_profile().unwrap_err();
    assert_eq!(error.to_string(), "no session is active: start one with `start_profile`");
}

#[test]
fn two_hundred_sessions_leave_a_trace_each_and_no_memory() {
    let bench = Bench::alone();
    let mut sessions = Vec::new();
    let mut early = 0;
    for session in 0..200_usize {
        start_profile_with(bench.config()).unwrap();
        for _ in 0..=session {
            let _range = stage!("counted");
        }
        // Ends a new thread each time, whose stream has to be freed with it.
        thread::spawn(|| drop(stage!("elsewhere"))).join().unwrap();
        sessions.push(stop_profile().unwrap());
        // Keeps a few exports in flight: waiting for each would mean waiting for the disk.
        sessions[session.saturating_sub(8)].wait().unwrap();
        if session == 50 {
            early = resident_bytes();
        }
    }
    sessions.iter().for_each(|stopped| assert!(stopped.wait().is_ok()));
    let grown = resident_bytes().saturating_sub(early);
    for (session, stopped) in sessions.iter().enumerate() {
        let trace = Trace::read(stopped.folder().unwrap());
        assert_eq!((trace.count("counted"), trace.count("elsewhere")), (session + 1, 1), "session {session}");
    }
    assert!(grown < 8 << 20, "150 sessions added {grown} bytes");
    start_profile_with(bench.config()).unwrap();
    let Status::Active(progress) = status() else { panic!("a session is active") };
    assert!(progress.buffered_bytes <= 4 << 16, "{} bytes are still in use", progress.buffered_bytes);
    stop_profile().unwrap().wait().unwrap();
}

/// Returns the bytes of resident memory, 0 if the system does not tell.
fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).map_or(0, |pages| pages.parse::<usize>().unwrap() * 4096)
}

#[test]
fn a_start_does_not_wait_for_the_export_before_it() {
    let bench = Bench::alone();
    let hold = Hold::begin();
    start_profile_with(held(bench.config())).unwrap();
    report();
    for _ in 0..40_000 {
        let _range = stage!("long");
    }
    let first = stop_profile().unwrap();
    start_profile_with(bench.config()).unwrap();
    drop(stage!("short"));
    let second = stop_profile().unwrap();
    second.wait().unwrap();
    assert!(!first.is_written(), "neither a stop nor a start has waited for it");
    drop(hold);
    first.wait().unwrap();
    assert_eq!(Trace::read(first.folder().unwrap()).count("long"), 40_000);
    let trace = Trace::read(second.folder().unwrap());
    assert_eq!((trace.count("short"), trace.count("long")), (1, 0));
}

#[test]
fn waiting_has_a_limit_for_those_who_want_one() {
    let bench = Bench::alone();
    let hold = Hold::begin();
    start_profile_with(held(bench.config())).unwrap();
    report();
    let stopped = stop_profile().unwrap();
    for most in [Duration::ZERO, Duration::from_millis(20)] {
        assert!(stopped.wait_timeout(most).is_none() && !stopped.is_written());
    }
    drop(hold);
    assert!(stopped.wait_timeout(Duration::from_secs(60)).unwrap().is_ok());
    assert!(stopped.is_written());
}

#[test]
fn stop_shows_the_open_stage_of_a_blocked_thread() {
    let bench = Bench::alone();
    let (blocked, is_blocked) = mpsc::channel();
    let (free, freed) = mpsc::channel::<()>();
    start_profile_with(bench.config()).unwrap();
    let thread = thread::spawn(move || {
        let _outer = stage!("blocked.outer");
        let _inner = stage!("blocked.inner");
        blocked.send(()).unwrap();
        freed.recv().unwrap();
    });
    is_blocked.recv().unwrap();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    let (outer, inner) = (&trace.named("blocked.outer")[0], &trace.named("blocked.inner")[0]);
    assert!(outer.is("unfinished") && inner.is("unfinished") && inner.is_inside(outer));
    assert_eq!(trace.losses("unfinished"), 2);
    free.send(()).unwrap();
    thread.join().unwrap();
    let next = bench.record(bench.config(), || drop(stage!("next")));
    assert_eq!((next.count("blocked.outer"), next.count("next")), (0, 1), "its end belongs to no later session");
}

#[test]
fn a_thread_that_ended_before_stop_keeps_its_name() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        let work = || drop(stage!("finished"));
        thread::Builder::new().name("decoder".to_owned()).spawn(work).unwrap().join().unwrap();
    });
    assert_eq!(trace.count("finished"), 1);
    let names = trace.json["traceEvents"].as_array().unwrap().iter().filter(|event| event["name"] == "thread_name");
    assert!(names.into_iter().any(|event| event["args"]["name"] == "decoder"));
}

#[test]
fn a_panic_closes_the_stages_that_it_unwinds() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _outer = stage!("panics.outer");
            let _inner = stage!("panics.inner");
            std::panic::resume_unwind(Box::new("as a user's code might"));
        }));
        assert!(panicked.is_err());
        drop(stage!("after"));
    });
    let (outer, after) = (&trace.named("panics.outer")[0], &trace.named("after")[0]);
    assert!(trace.named("panics.inner")[0].is_inside(outer));
    assert!(outer.end <= after.begin, "it ended with the panic");
    assert_eq!(trace.losses("unfinished"), 0);
}

/// Records `each` ranges on each of ten threads. Returns the trace and the number of all ranges.
fn ten_threads(bench: &Bench, config: ProfilerConfig, each: usize) -> (Trace, usize) {
    let trace = bench.record(config, || {
        let threads: Vec<_> = (0..10)
            .map(|_| {
                thread::spawn(move || {
                    for _ in 0..each / 2 {
                        let _outer = stage!("threads.outer");
                        let _inner = stage!("threads.inner");
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    (trace, each * 10)
}

#[test]
fn every_range_of_ten_threads_is_in_the_trace() {
    let bench = Bench::alone();
    let (trace, made) = ten_threads(&bench, bench.config(), 2_000);
    assert_eq!(trace.count("threads.outer") + trace.count("threads.inner"), made);
    assert_eq!(trace.losses("missing"), 0);
}

#[test]
fn with_a_small_budget_every_range_is_shown_or_counted() {
    let bench = Bench::alone();
    let (trace, made) = ten_threads(&bench, bench.config().max_buffer_mb(1), 6_000);
    let shown = trace.count("threads.outer") + trace.count("threads.inner");
    let lost = usize::try_from(trace.losses("missing")).unwrap();
    assert_eq!(shown + lost, made);
    assert!(lost > 0, "1 MiB holds 32,768 ranges, not {made}");
    let (next, made) = ten_threads(&bench, bench.config(), 200);
    assert_eq!(next.count("threads.outer") * 2, made, "a session after it has its full budget");
}

#[test]
fn a_folder_that_cannot_be_made_fails_only_the_start() {
    let bench = Bench::alone();
    let file = bench.path().join("file");
    fs::write(&file, "").unwrap();
    let error = start_profile_with(ProfilerConfig::torch(file.join("perf"))).unwrap_err();
    assert!(matches!(&error, Error::Folder { folder, .. } if folder.starts_with(&file)), "{error}");
    assert!(error.to_string().contains("give one that can be created in `torch_profiler_dir`"), "{error}");
    let error = start_profile_with(ProfilerConfig::torch("s3://bucket/perf")).unwrap_err();
    assert!(matches!(&error, Error::RemoteFolder { folder } if folder == Path::new("s3://bucket/perf")), "{error}");
    assert_eq!(status(), Status::Idle);
    bench.record(bench.config(), || ());
}

#[test]
fn a_wrong_or_empty_configuration_does_not_start() {
    let bench = Bench::alone();
    assert!(matches!(start_profile_with(ProfilerConfig::default()), Err(Error::NotConfigured)));
    let wrong = bench.config().active_iterations(0).max_buffer_mb(0);
    let Err(Error::Config(error)) = start_profile_with(wrong) else { panic!("two fields are out of range") };
    assert_eq!(error.problems.len(), 2, "{error}");
}

#[test]
fn status_tells_idle_from_active_and_how_far_it_has_come() {
    let bench = Bench::alone();
    assert_eq!(status(), Status::Idle);
    let session = start_profile_with(bench.config().delay_iterations(1)).unwrap();
    let progress = || match status() {
        Status::Active(progress) => progress,
        other => panic!("a session is active, not {other:?}"),
    };
    assert_eq!((progress().session, progress().phase), (session, Phase::Delay));
    profiler_runtime::next_step();
    profiler_runtime::next_step();
    assert_eq!((progress().phase, progress().recorded_iterations), (Phase::Active, 1));
    assert_eq!(progress().lost_ranges, 0);
    stop_profile().unwrap().wait().unwrap();
    assert_eq!(status(), Status::Idle);
}

#[test]
fn the_manifest_lists_the_files_that_are_there() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    drop(stage!("some"));
    let stopped = stop_profile().unwrap();
    let listed = stopped.wait().unwrap();
    for artifact in &listed.artifacts {
        assert_eq!(fs::metadata(&artifact.path).unwrap().len(), artifact.bytes, "{}", artifact.name);
    }
    let folder = stopped.folder().unwrap();
    assert_eq!(folder, bench.path().join(stopped.session().as_str()));
    assert_eq!(manifest(folder)["session"], stopped.session().as_str());
}

#[test]
fn a_step_of_an_earlier_session_is_no_iteration_of_the_next() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    let old = profiler_runtime::step!("session.old_step");
    stop_profile().unwrap().wait().unwrap();
    start_profile_with(bench.config().max_iterations(1)).unwrap();
    drop(old);
    assert!(matches!(status(), Status::Active(progress) if progress.recorded_iterations == 0));
    stop_profile().unwrap().wait().unwrap();
}
