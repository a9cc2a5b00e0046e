//! Iterations that a session records, according to the indices of the steps in its trace.

use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::session::{Phase, Status};
use profiler_runtime::{ProfilerConfig, next_step, stage, start_profile_with, status, step, stop_profile};
use profiler_tests::{Bench, Trace};

fn denoise(steps: u64) {
    for index in 0..steps {
        let _step = step!("denoise_step", index);
        let _stage = stage!("transformer.forward");
    }
}

#[test]
fn the_trace_shows_exactly_the_iterations_that_were_asked_for() {
    let bench = Bench::alone();
    let config = || bench.config();
    let cases: [(&str, ProfilerConfig, Vec<u64>); 8] = [
        ("everything", config(), (0..8).collect()),
        ("delay 3", config().delay_iterations(3), (3..8).collect()),
        ("delay 3 max 2", config().delay_iterations(3).max_iterations(2), vec![3, 4]),
        ("max 8, the last one ends it", config().max_iterations(8), (0..8).collect()),
        ("wait 1 warmup 1 active 2", config().wait_iterations(1).warmup_iterations(1).active_iterations(2), vec![2, 3]),
        ("warmup 2 active 3 max 1", config().warmup_iterations(2).active_iterations(3).max_iterations(1), vec![2]),
        (
            "delay 1 wait 2 warmup 3 active 9",
            config().delay_iterations(1).wait_iterations(2).warmup_iterations(3).active_iterations(9),
            vec![6, 7],
        ),
        ("delay 9", config().delay_iterations(9), vec![]),
    ];
    for (case, config, expected) in cases {
        let trace = bench.record(config, || denoise(8));
        assert_eq!(trace.step_indices(), expected, "{case}");
        assert_eq!(trace.step_numbers(), expected, "`ProfilerStep#N` counts from the start: {case}");
        assert_eq!(trace.count("transformer.forward"), expected.len(), "{case}");
        assert_eq!(trace.losses("unfinished") + trace.losses("began_before"), 0, "{case}");
    }
}

#[test]
fn a_session_stopped_before_it_recorded_says_so() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().delay_iterations(5), || denoise(2));
    let said = "nothing was recorded: the session ended in its phase `delay`, after ";
    let remedy = "stop it later, or lower `delay_iterations`, `wait_iterations` and `warmup_iterations`";
    assert_eq!(trace.warnings(), [format!("{said}2 iterations; {remedy}")]);
    let trace = bench.record(bench.config().delay_secs(600.0), || {});
    assert_eq!(trace.warnings(), [format!("{said}0 iterations; stop it later, or lower `delay_secs`")]);
    let trace = bench.record(bench.config().warmup_iterations(3), || denoise(2));
    assert_eq!(trace.count("transformer.forward"), 0, "a warm-up is discarded");
}

#[test]
fn a_session_that_ends_by_itself_is_handed_over_once() {
    let bench = Bench::alone();
    for config in [bench.config().max_iterations(2), bench.config().wait_iterations(1).active_iterations(2)] {
        let session = start_profile_with(config).unwrap();
        denoise(9);
        assert!(!matches!(status(), Status::Active(_)), "it is over without a stop");
        let stopped = stop_profile().unwrap();
        assert_eq!(*stopped.session(), session);
        stopped.wait().unwrap();
        let trace = Trace::read(stopped.folder().unwrap());
        assert_eq!((trace.steps().len(), trace.ended_by()), (2, "iterations"));
        assert!(stop_profile().is_err(), "handed over once");
    }
}

#[test]
fn after_an_auto_stop_a_new_session_can_start() {
    let bench = Bench::alone();
    let first = start_profile_with(bench.config().max_iterations(1)).unwrap();
    denoise(2);
    let second = start_profile_with(bench.config()).unwrap();
    denoise(2);
    assert_ne!(first, second);
    let stopped = stop_profile().unwrap();
    assert_eq!(*stopped.session(), second);
    stopped.wait().unwrap();
    assert!(stop_profile().is_err(), "the first one's artifacts are no longer waited for");
}

#[test]
fn the_outer_of_two_nested_loops_drives() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().delay_iterations(1).max_iterations(1), || {
        for request in 0..4 {
            let _request = step!("request", request);
            denoise(3);
        }
    });
    assert_eq!(trace.step_indices(), [1]);
    let request = &trace.steps()[0];
    assert_eq!(request.args["step"], "request");
    let inner = trace.named("denoise_step");
    assert_eq!(inner.len(), 3, "the inner loop is recorded under its own name");
    assert!(inner.iter().all(|step| step.is_inside(request)));
}

#[test]
fn step_of_names_the_loop_that_drives() {
    let bench = Bench::alone();
    let config = bench.config().step_of("denoise_step").delay_iterations(1).max_iterations(3);
    let trace = bench.record(config, || {
        for request in 0..2 {
            let _request = step!("request", request);
            denoise(3);
        }
    });
    assert_eq!(trace.step_indices(), [1, 2, 0], "iterations go on across requests");
    assert_eq!(trace.step_numbers(), [1, 2, 3]);
}

#[test]
fn an_unknown_step_of_is_a_warning_with_the_nearest_name() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().step_of("denoise_stp"), || denoise(1));
    assert!(trace.warnings()[0].contains("did you mean `denoise_step`?"), "{:?}", trace.warnings());
}

#[test]
fn bare_calls_end_iterations_in_a_program_without_step_sites() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().delay_iterations(1).max_iterations(2), || {
        for _ in 0..5 {
            drop(stage!("forward"));
            next_step();
        }
    });
    assert_eq!((trace.step_numbers(), trace.count("forward")), (vec![1, 2], 2));
    let (steps, forwards) = (trace.steps(), trace.named("forward"));
    assert!(forwards.iter().zip(&steps).all(|(forward, step)| forward.is_inside(step)));
}

#[test]
fn bare_calls_do_not_count_beside_a_step_site() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().max_iterations(3), || {
        for index in 0..5 {
            drop(step!("denoise_step", index));
            next_step();
        }
    });
    assert_eq!(trace.step_indices(), [0, 1, 2]);
}

#[test]
fn steps_of_several_threads_are_each_counted_once() {
    let bench = Bench::alone();
    let run = |threads: u64, each: u64| {
        let work: Vec<_> = (0..threads).map(|_| thread::spawn(move || denoise(each))).collect();
        work.into_iter().for_each(|thread| thread.join().unwrap());
    };
    start_profile_with(bench.config().max_iterations(1_000)).unwrap();
    run(4, 249);
    denoise(3);
    let Status::Active(progress) = status() else { panic!("999 of 1,000 iterations are over") };
    assert_eq!((progress.phase, progress.recorded_iterations), (Phase::Active, 999));
    denoise(1);
    assert!(!matches!(status(), Status::Active(_)), "the thousandth ends it");
    stop_profile().unwrap().wait().unwrap();
}

/// Runs stages of one millisecond until `enough`.
fn busy_until(enough: impl Fn() -> bool) {
    let start = Instant::now();
    while !enough() {
        let _stage = stage!("busy");
        thread::sleep(Duration::from_millis(1));
        assert!(start.elapsed() < Duration::from_secs(60), "the timer never came");
    }
}

fn is_over() -> bool {
    !matches!(status(), Status::Active(_))
}

#[test]
fn delay_secs_pass_before_anything_is_recorded() {
    let bench = Bench::alone();
    let start = Instant::now();
    start_profile_with(bench.config().delay_secs(0.2)).unwrap();
    busy_until(|| matches!(status(), Status::Active(progress) if progress.phase == Phase::Active));
    let passed = start.elapsed();
    busy_until(|| start.elapsed() > passed + Duration::from_millis(50));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    assert!(passed >= Duration::from_millis(200));
    let recorded = trace.count("busy");
    assert!(
        recorded > 0 && trace.seconds() < start.elapsed().as_secs_f64() - 0.2 + 0.01,
        "{recorded} in {}",
        trace.seconds()
    );
}

#[test]
fn duration_secs_end_the_session() {
    let bench = Bench::alone();
    start_profile_with(bench.config().duration_secs(0.2)).unwrap();
    busy_until(is_over);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    assert_eq!(trace.ended_by(), "duration");
    assert!((0.19..30.0).contains(&trace.seconds()), "{}", trace.seconds());
    assert!(trace.count("busy") > 0);
}

#[test]
fn seconds_and_iterations_combine() {
    let bench = Bench::alone();
    let config = || bench.config().delay_secs(0.1).duration_secs(60.0).max_iterations(2);
    let start = Instant::now();
    start_profile_with(config()).unwrap();
    busy_until(|| {
        drop(step!("timed_step"));
        is_over()
    });
    assert!(start.elapsed() >= Duration::from_millis(100));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    assert_eq!((trace.steps().len(), trace.ended_by()), (2, "iterations"));
    start_profile_with(config()).unwrap();
    stop_profile().unwrap().wait().unwrap();
}
