//! `profiler: cuda`: each recording opens and closes the CUDA capture range exactly once, whichever
//! parts of CUDA are present. Each scenario is a process of its own, on a machine made of doubles.

#![allow(clippy::print_stdout)]

use std::fs;
use std::path::Path;

use profiler_runtime::{ProfilerConfig, next_step, stage, start_profile_with, step, stop_profile};
use profiler_tests::gpu::{calls, machine, make_context, perf};
use profiler_tests::{in_child, succeeded, timing};
use tempfile::tempdir;

fn iterations(count: usize) {
    for _ in 0..count {
        drop(stage!("work"));
        next_step();
    }
}

/// Runs sessions, and prints the warnings of their manifests.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let scenario = std::env::var("SCENARIO").unwrap();
    if !["late context", "no iteration", "no context", "no device", "nothing there"].contains(&scenario.as_str()) {
        make_context();
    }
    let config = match scenario.as_str() {
        "schedule" => ProfilerConfig::cuda().delay_iterations(2).max_iterations(3),
        "warm-up" => ProfilerConfig::cuda().wait_iterations(1).warmup_iterations(1).active_iterations(1),
        "torch" => ProfilerConfig::torch(perf()),
        "three sessions, a folder" => ProfilerConfig::cuda().output_dir("mine"),
        _ => ProfilerConfig::cuda(),
    };
    let sessions = if scenario.starts_with("three sessions") { 3 } else { 1 };
    for _ in 0..sessions {
        start_profile_with(config.clone()).unwrap();
        if scenario == "late context" {
            iterations(1);
            make_context();
        }
        let _named = (scenario == "named steps").then(|| step!("denoise_step"));
        if scenario == "no iteration" {
            drop(stage!("work"));
            make_context();
        } else {
            iterations(6);
        }
        let manifest = stop_profile().unwrap().wait().unwrap();
        for warning in &manifest.warnings {
            println!("warning: {warning}");
        }
    }
}

/// Runs a program in this scenario, and returns its calls of the driver and its warnings.
fn run(scenario: &str, variables: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    run_in(tempdir().unwrap().path(), scenario, variables)
}

/// Does what [`run`] does, in this working directory.
fn run_in(folder: &Path, scenario: &str, variables: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut command = machine("program", folder);
    command.env("SCENARIO", scenario).envs(variables.iter().copied());
    if scenario == "nothing there" {
        // An empty file instead of a library simulates a machine without a driver, on any machine.
        fs::write(folder.join("libraries/libcuda.so.1"), "").unwrap();
    }
    let printed = String::from_utf8(succeeded(&mut command).stdout).unwrap();
    let warnings = printed.lines().filter_map(|line| Some(line.split_once("warning: ")?.1.to_owned()));
    (calls(folder, "cuda.log"), warnings.collect())
}

/// Returns the sorted names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

const ONCE: [&str; 3] = ["cuProfilerStart", "cuCtxSynchronize", "cuProfilerStop"];

#[test]
fn the_range_opens_once_and_closes_when_the_gpu_is_done() {
    assert_eq!(run("one session", &[]), (ONCE.map(String::from).to_vec(), vec![]));
    assert_eq!(run("named steps", &[]).0, ONCE);
    let (calls, warnings) = run("three sessions", &[]);
    assert_eq!(calls, [ONCE, ONCE, ONCE].concat());
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn the_range_covers_only_the_recorded_iterations() {
    assert_eq!(run("schedule", &[]).0, ONCE);
    assert_eq!(run("warm-up", &[]).0, ONCE, "a warm-up is not captured");
}

#[test]
fn a_range_waits_for_the_first_context() {
    let (calls, warnings) = run("late context", &[]);
    assert_eq!((calls, warnings), (ONCE.map(String::from).to_vec(), vec![]));
}

#[test]
fn without_context_device_or_driver_there_is_one_warning() {
    for (scenario, variables, says) in [
        ("no context", &[][..], "had no CUDA context: start the session in the process that uses the GPU"),
        ("no device", &[("CUDA_DOUBLE_DEVICES", "0")], "the CUDA driver finds no device"),
        ("nothing there", &[], "no CUDA driver (`libcuda.so.1`) can be opened here"),
    ] {
        let (calls, warnings) = run(scenario, variables);
        assert_eq!(calls, Vec::<String>::new(), "{scenario}");
        assert!(warnings.len() == 1 && warnings[0].contains(says), "{scenario}: {warnings:?}");
    }
}

/// D11: the warning about a context that came too late does not claim that there is none.
#[test]
fn a_context_that_came_too_late_is_told_as_that() {
    let (calls, warnings) = run("no iteration", &[]);
    assert_eq!(calls, Vec::<String>::new());
    assert!(warnings.len() == 1 && warnings[0].contains("ended no iteration after it had made one"), "{warnings:?}");
}

#[test]
fn a_torch_session_leaves_the_range_alone() {
    let (calls, warnings) = run("torch", &[]);
    assert!(!calls.iter().any(|call| call.starts_with("cuProfiler")), "{calls:?}");
    assert_eq!(warnings, Vec::<String>::new());
}

const WRITTEN: [&str; 3] = ["manifest_rank0.json", "summary_rank0.md", "timing_rank0.json"];

#[test]
fn each_session_writes_only_timing_summary_and_manifest() {
    for (scenario, place, sessions) in [("one session", "profiler_out", 1), ("three sessions, a folder", "mine", 3)] {
        let folder = tempdir().unwrap();
        let (calls, warnings) = run_in(folder.path(), scenario, &[]);
        assert_eq!(calls, vec![ONCE; sessions].concat(), "{scenario}");
        assert_eq!(warnings, Vec::<String>::new(), "{scenario}");
        assert_eq!(names(folder.path()), ["cuda.log", "libraries", place], "{scenario}");
        let place = folder.path().join(place);
        let found = names(&place);
        assert_eq!(found.len(), sessions, "{found:?}");
        for session in found.iter().map(|session| place.join(session)) {
            assert_eq!(names(&session), WRITTEN);
            let stages = timing(&session)["stages"].clone();
            assert_eq!((&stages[0]["name"], &stages[0]["calls"]), (&"work".into(), &6.into()), "{stages}");
        }
    }
}

#[test]
fn a_default_folder_that_cannot_be_made_costs_only_artifacts() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("profiler_out"), "a file").unwrap();
    let (calls, warnings) = run_in(folder.path(), "one session", &[]);
    assert_eq!(calls, ONCE);
    assert!(warnings.len() == 1 && warnings[0].starts_with("there will be no timing report"), "{warnings:?}");
}
