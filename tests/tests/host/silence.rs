//! D1, D2, B11: a program without a logger learns what went wrong, what is missing and where its
//! artifacts are.

#![allow(clippy::print_stderr)]

use std::process::Command;

use profiler_runtime::{profile_from_env, stage, start_profile};
use profiler_tests::{Bench, child_of, in_child, succeeded};
use serde_json::json;

/// Runs without a logger; `RUNS` selects the part that runs.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let runs = std::env::var("RUNS").unwrap_or_default();
    if runs == "tracing" {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        tracing::info!("of the program");
    }
    if runs == "start" {
        assert!(start_profile().is_err());
        return;
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

/// Returns the program's standard error under a configuration.
fn stderr(runs: &str, config: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let mut command = child_of("program");
    let output = succeeded(change(command.env("PROFILER_CONFIG", config).env("RUNS", runs)));
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the profiler's own lines of the program's standard error.
fn told(runs: &str, config: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> Vec<String> {
    stderr(runs, config, change).lines().filter(|line| line.starts_with("profiler: ")).map(str::to_owned).collect()
}

fn unchanged(command: &mut Command) -> &mut Command {
    command
}

fn torch(bench: &Bench) -> serde_json::Value {
    json!({"profiler": "torch", "torch_profiler_dir": bench.path()})
}

#[test]
fn a_program_without_a_logger_learns_where_its_artifacts_are() {
    let bench = Bench::of_children();
    let lines = told("work", &torch(&bench).to_string(), unchanged);
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.ends_with('`') && line.contains(&format!("artifacts are in `{}", bench.path().display())), "{line}");
}

/// D1: a `tracing` subscriber does not count as a logger, and its own lines stay as they are.
#[test]
fn a_tracing_subscriber_alone_leaves_nobody_uninformed() {
    let bench = Bench::of_children();
    let text = stderr("tracing", &torch(&bench).to_string(), unchanged);
    assert!(text.contains("of the program"), "{text}");
    assert_eq!(text.matches("artifacts are in").count(), 1, "{text}");
    let text = stderr("tracing", r#"{"profiler": "torhc"}"#, unchanged);
    assert_eq!(text.matches("profiler: error: this program runs without the profiler: ").count(), 1, "{text}");
}

/// D5: SGLang's variable for the folder profiles a program without any other, as vLLM's does.
#[test]
fn sglangs_folder_alone_profiles_a_program() {
    for variable in ["SGLANG_TORCH_PROFILER_DIR", "VLLM_TORCH_PROFILER_DIR"] {
        let bench = Bench::of_children();
        let lines = told("work", "", |command| command.env(variable, bench.path()));
        let [line] = lines.as_slice() else { panic!("{variable}: {lines:?}") };
        assert!(line.contains(&format!("artifacts are in `{}", bench.path().display())), "{line}");
    }
}

/// D2: a start without a configuration prints what to write.
#[test]
fn a_start_without_a_configuration_is_told() {
    let lines = told("start", "", unchanged);
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.starts_with("profiler: warning: profiling is not configured: set `PROFILER_CONFIG`"), "{line}");
}

/// D2: a configuration that records nothing, because it has fields but no `profiler`, is reported.
#[test]
fn a_configuration_that_is_off_is_told_by_its_fields() {
    let lines = told("work", r#"{"torch_profiler_with_stack": true}"#, unchanged);
    assert!(
        lines.iter().any(|line| line.contains("is `none`, so nothing is recorded; set it to `torch`")),
        "{lines:?}"
    );
    assert_eq!(told("work", "{}", unchanged), [""; 0]);
}

/// D2: names in `stages` that match nothing are reported with the nearest name, or with the names
/// that exist.
#[test]
fn stages_that_match_nothing_are_told_with_what_would() {
    for (stages, said) in [("silence.wrok", "did you mean `silence.work`?"), ("no_such.*", "the program has `")] {
        let bench = Bench::of_children();
        let mut config = torch(&bench);
        config["stages"] = json!([stages]);
        let lines = told("work", &config.to_string(), unchanged);
        assert!(
            lines[0].contains(&format!("`{stages}` matches no registered")) && lines[0].contains(said),
            "{lines:?}"
        );
        assert!(lines[1].contains("nothing was recorded: `stages` selects"), "{lines:?}");
        assert!(summary(&bench).contains(&format!("`{stages}` matches no registered")), "{}", summary(&bench));
    }
}

/// D2: a schedule that never counts and targets that time nothing are reported.
#[test]
fn a_schedule_and_targets_without_effect_are_told() {
    let bench = Bench::of_children();
    let mut config = torch(&bench);
    (config["max_iterations"], config["pipeline_profiler"]) = (4.into(), true.into());
    let lines = told("work", &config.to_string(), unchanged);
    for said in ["`max_iterations` is 4, but no iteration ended", "`pipeline_profiler` timed nothing"] {
        assert!(lines.iter().any(|line| line.contains(said)) && summary(&bench).contains(said), "{said}: {lines:?}");
    }
}

/// Returns the summary of the session.
fn summary(bench: &Bench) -> String {
    let folder = std::fs::read_dir(bench.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::read_to_string(folder.join("summary_rank0.md")).unwrap()
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
    let bench = Bench::of_children();
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
    let page = summary(&bench);
    assert!(page.contains("## Missing") && page.contains("no allocation was reported"), "{page}");
    assert!(page.contains("## Losses") && page.contains("raise `max_buffer_mb`"), "{page}");
}

#[test]
fn an_empty_session_explains_itself() {
    for (runs, said) in [
        ("nothing", "annotated functions and blocks ran in the session"),
        ("let _", "if its guard was bound by `let _ =`"),
    ] {
        let explains = || {
            let bench = Bench::of_children();
            let lines = told(runs, &torch(&bench).to_string(), unchanged);
            assert!(lines[0].contains("nothing was recorded"), "{runs}: {lines:?}");
            lines[0].contains(said)
        };
        // The hint depends on the session's length, which a busy machine may stretch.
        assert!((0..10).any(|_| explains()), "{runs}: `{said}` is not said");
    }
}

/// E12: the summary is printed on a terminal, or if the configuration asks for it.
#[test]
fn the_summary_is_printed_when_the_configuration_says_so() {
    for (when, quiet, printed) in [("auto", false, 0), ("never", false, 0), ("always", false, 1), ("always", true, 0)] {
        let bench = Bench::of_children();
        let mut config = torch(&bench);
        (config["print_summary"], config["quiet"]) = (when.into(), quiet.into());
        let text = stderr("work", &config.to_string(), unchanged);
        assert_eq!(text.matches("\nartifacts in ").count(), printed, "{when}, {quiet}: {text}");
        assert_eq!(text.matches("silence.work ").count(), printed, "{when}, {quiet}: {text}");
    }
}

/// E12: a warning in the printed summary is not printed again beside it.
#[test]
fn a_printed_warning_is_told_once() {
    let bench = Bench::of_children();
    let mut config = torch(&bench);
    (config["print_summary"], config["max_iterations"]) = ("always".into(), 4.into());
    let text = stderr("work", &config.to_string(), unchanged);
    assert_eq!(text.matches("`max_iterations` is 4, but").count(), 1, "{text}");
}

/// B11: each of several ranks says which one it is.
#[test]
fn each_of_several_ranks_says_where_its_artifacts_are() {
    let bench = Bench::of_children();
    let ranks = [("RANK", "1"), ("WORLD_SIZE", "2"), ("PROFILER_SESSION_ID", "try-1")];
    let lines = told("work", &torch(&bench).to_string(), |command| command.envs(ranks));
    assert!(lines.iter().any(|line| line.contains("session `try-1`, rank 1: 5 artifacts are in")), "{lines:?}");
}

/// E12: nothing that the printed summary says is printed again beside it.
#[test]
fn what_is_printed_is_told_once() {
    let bench = Bench::of_children();
    let mut config = torch(&bench);
    (config["print_summary"], config["torch_profiler_with_memory"]) = ("always".into(), true.into());
    let text = stderr("work", &config.to_string(), unchanged);
    assert_eq!(text.matches("no allocation was").count(), 1, "{text}");
    assert_eq!(text.matches("artifacts").count(), 1, "{text}");
}

#[test]
fn a_program_can_ask_for_silence() {
    let bench = Bench::of_children();
    let mut config = torch(&bench);
    assert_eq!(told("nothing", &config.to_string(), |command| command.env("PROFILER_LOG", "off")), [""; 0]);
    config["quiet"] = true.into();
    assert_eq!(told("nothing", &config.to_string(), unchanged), [""; 0]);
}
