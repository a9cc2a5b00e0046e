//! `stages`: only what the patterns name, and what runs inside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use profiler_runtime::{op, profiled_stage, profiled_step, stage};
use profiler_tests::Bench;

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
fn a_pattern_records_the_stages_that_it_names_and_what_runs_inside() {
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
fn a_pattern_that_matches_nothing_is_a_warning_with_the_nearest_name() {
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
