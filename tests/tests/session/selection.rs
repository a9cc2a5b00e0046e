//! `stages`: a session records only ranges that the patterns name, and ranges inside them.

use std::pin::pin;

use profiler_runtime::{op, profiled_stage, profiled_step, stage};
use profiler_tests::Bench;
use profiler_tests::tasks::poll;

#[profiled_stage("vae.decode")]
fn decode() {
    drop(op!("conv3d"));
}

#[profiled_stage("text_encoder.forward")]
fn encode_text() {
    drop(op!("linear"));
}

#[profiled_step("denoise_step")]
fn denoise_step() {
    encode_text();
}

#[test]
fn a_pattern_records_its_stages_and_what_runs_inside() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().stages(["vae.*"]), || {
        encode_text();
        decode();
        encode_text();
    });
    assert_eq!((trace.count("vae.decode"), trace.count("conv3d")), (1, 1));
    assert_eq!((trace.count("text_encoder.forward"), trace.count("linear")), (0, 0));
    let trace = bench.record(bench.config(), encode_text);
    assert_eq!(trace.count("linear"), 1, "the selection ends with its session");
}

#[test]
fn steps_count_whether_or_not_they_are_selected() {
    let bench = Bench::alone();
    let config = bench.config().stages(["text_encoder.*"]).delay_iterations(1).max_iterations(2);
    let trace = bench.record(config, || (0..5).for_each(|_| denoise_step()));
    assert_eq!((trace.count("text_encoder.forward"), trace.steps().len()), (2, 0));
}

#[test]
fn names_made_at_run_time_are_selected_too() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().stages(["layer.*"]), || {
        for layer in 0..3 {
            let _layer = stage(&format!("layer.{layer}"));
            let _inner = stage!("inner");
        }
        drop(stage!("inner"));
    });
    assert_eq!((trace.count("layer.2"), trace.count("inner")), (1, 3));
    assert!(trace.warnings().is_empty(), "the name came in the end: {:?}", trace.warnings());
}

#[test]
fn a_pattern_without_a_match_warns_with_the_nearest_name() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().stages(["vae.decod", "vae.*"]), decode);
    let warnings = trace.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("stages[0]: `vae.decod` matches no")
            && warnings[0].ends_with("did you mean `vae.decode`?"),
        "{warnings:?}"
    );
    assert_eq!(trace.count("vae.decode"), 1);
}

#[profiled_stage("fetch")]
async fn fetch() {
    let _held = stage!("held");
    tokio::task::yield_now().await;
    drop(op!("own"));
}

#[profiled_stage("other")]
async fn other() {
    drop(op!("foreign"));
    tokio::task::yield_now().await;
    drop(op!("foreign"));
}

/// A17: a guard that a future holds over `.await` is not around the thread's other tasks.
#[test]
fn a_guard_over_an_await_selects_its_own_future_alone() {
    let bench = Bench::alone();
    for patterns in [["fetch"], ["held"]] {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let trace = bench.record(bench.config().stages(patterns), || {
            runtime.block_on(async { tokio::join!(fetch(), other()) });
            drop(stage!("after"));
        });
        let counts = ["held", "own", "other", "foreign", "after"].map(|name| trace.count(name));
        assert_eq!(counts, [1, 1, 0, 0, 0], "{patterns:?}");
    }
}

/// A17: a cancelled future does not change the selection of the stage in which it is dropped.
#[test]
fn a_cancelled_future_leaves_what_is_selected_around_it() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().stages(["around", "fetch"]), || {
        let mut future = Box::pin(fetch());
        assert!(poll(future.as_mut()).is_pending());
        let _around = stage!("around");
        drop(future);
        drop(op!("inner"));
    });
    assert_eq!((trace.count("fetch"), trace.count("inner")), (2, 1), "a life and its poll");
}

/// A17: a guard that one session selected selects nothing in the next session.
#[test]
fn a_guard_of_an_earlier_selection_selects_nothing() {
    let bench = Bench::alone();
    let mut open = None;
    bench.record(bench.config().stages(["first"]), || {
        std::mem::forget(stage!("first"));
        open = Some(stage!("first"));
    });
    let trace = bench.record(bench.config().stages(["second"]), || {
        drop(stage!("left out"));
        let second = stage!("second");
        drop(open.take());
        drop(op!("inner"));
        drop(second);
        drop(stage!("left out"));
        let mut future = pin!(other());
        assert!(poll(future.as_mut()).is_pending());
    });
    assert_eq!(["left out", "second", "inner", "foreign"].map(|name| trace.count(name)), [0, 1, 1, 0]);
}
