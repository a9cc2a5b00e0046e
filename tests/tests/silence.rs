//! D1, D2, B11: programs without a logger are told what went wrong, what is missing and where the artifacts are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::process::Command;

use profiler_runtime::{profile_from_env, stage};
use profiler_tests::{Bench, child_of, in_child};
use serde_json::json;

/// A program without a logger; `RUNS` says what of it runs.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let runs = std::env::var("RUNS").unwrap_or_default();
    if runs == "tracing" {
        log::set_max_level(log::LevelFilter::Off);
    }
    if runs == "let _" {
        let _ = profile_from_env();
        return;
    }
    let _profile = profile_from_env();
    if runs != "nothing" {
        for _ in 0..100_000 {
            drop(stage!("silence.work"));
        }
    }
}

/// What the program writes to standard error under a configuration.
fn told(runs: &str, config: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> Vec<String> {
    let mut command = child_of("program");
    command.env("PROFILER_CONFIG", config).env("RUNS", runs);
    change(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines().filter(|line| line.starts_with("profiler: ")).map(str::to_owned).collect()
}

fn unchanged(command: &mut Command) -> &mut Command {
    command
}

fn torch(bench: &Bench) -> serde_json::Value {
    json!({"profiler": "torch", "torch_profiler_dir": bench.path()})
}

#[test]
fn a_program_without_a_logger_learns_where_its_artifacts_are() {
    let bench = Bench::alone();
    let lines = told("work", &torch(&bench).to_string(), unchanged);
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.ends_with('`') && line.contains(&format!("artifacts are in `{}", bench.path().display())), "{line}");
}

#[test]
fn nothing_is_told_where_nobody_asked_for_a_session() {
    assert_eq!(told("work", "", unchanged), [""; 0]);
}

#[test]
fn a_wrong_configuration_is_told_without_a_logger() {
    let lines = told("work", r#"{"profiler": "torhc"}"#, unchanged);
    assert!(lines[0].starts_with("profiler: error: this program runs without the profiler: "), "{lines:?}");
}

#[test]
fn losses_and_missing_files_are_one_warning_with_counts() {
    let bench = Bench::alone();
    let mut config = torch(&bench);
    config["max_buffer_mb"] = 1.into();
    config["torch_profiler_with_memory"] = true.into();
    let lines = told("work", &config.to_string(), unchanged);
    let [warning, folder] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(warning.contains("lacks 3 things: ranges: ") && warning.contains("raise `max_buffer_mb`"), "{warning}");
    assert!(
        warning.contains("`memory_snapshot_rank0.pickle`, `memory_rank0.svg`: no allocation was reported"),
        "{warning}"
    );
    assert!(folder.contains("artifacts are in"), "{folder}");
}

#[test]
fn an_empty_session_explains_itself() {
    for (runs, said) in
        [("nothing", "annotated functions and blocks ran in the session"), ("let _", "`let _ =` drops a guard")]
    {
        let bench = Bench::alone();
        let lines = told(runs, &torch(&bench).to_string(), unchanged);
        assert!(lines[0].contains("nothing was recorded") && lines[0].contains(said), "{runs}: {lines:?}");
    }
}

#[test]
fn a_program_can_ask_for_silence() {
    let bench = Bench::alone();
    let mut config = torch(&bench);
    assert_eq!(told("nothing", &config.to_string(), |command| command.env("PROFILER_LOG", "off")), [""; 0]);
    config["quiet"] = true.into();
    assert_eq!(told("nothing", &config.to_string(), unchanged), [""; 0]);
}
