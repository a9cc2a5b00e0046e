//! Whole programs that are profiled through the environment, and end in every way that a guard can
//! see.

#![allow(clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::Command;

use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::session::Status;
use profiler_runtime::{
    Error, ProfilerConfig, profile_from_env, profile_with, stage, start_profile, status, stop_profile,
};
use profiler_tests::{Bench, Trace, child_of, in_child, manifest, succeeded};

/// Runs as a user's program would, with its log on standard error.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    log_to_stderr();
    let profile = profile_from_env();
    eprintln!("profiled: {}", profile.session().is_some());
    drop(stage!("work"));
    match std::env::var("ENDING").as_deref() {
        Ok("panic") => {
            let _open = stage!("panics");
            panic!("as a user's program might");
        }
        Ok("explicit stop") => drop(stop_profile().unwrap()),
        Ok("logger panics") => {
            drop(stage!("vae.decode"));
            assert!(profile.finish().unwrap().unwrap().artifact(ArtifactKind::Trace).is_some());
            assert_eq!(status(), Status::Idle);
        }
        _ => {}
    }
}

fn log_to_stderr() {
    struct Stderr;
    impl log::Log for Stderr {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            eprintln!("[{}] {}", record.level(), record.args());
            assert!(!record.args().to_string().starts_with("[DiffusionTiming]"), "a logger may panic too");
        }
        fn flush(&self) {}
    }
    log::set_logger(&Stderr).unwrap();
    log::set_max_level(log::LevelFilter::Info);
}

fn torch(folder: &Path) -> String {
    serde_json::json!({"profiler": "torch", "torch_profiler_dir": folder}).to_string()
}

/// Runs a program that succeeds, and returns its standard error.
fn run(command: &mut Command) -> String {
    String::from_utf8_lossy(&succeeded(command).stderr).into_owned()
}

/// Returns the folder of the only session in `base`.
fn only_session(base: &Path) -> std::path::PathBuf {
    let sessions: Vec<_> = fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions[0].clone()
}

#[test]
fn a_program_is_profiled_by_its_environment_alone() {
    let bench = Bench::of_children();
    let stderr = run(child_of("program").env("PROFILER_CONFIG", torch(bench.path())));
    assert!(stderr.contains("profiled: true"), "{stderr}");
    let folder = only_session(bench.path());
    assert_eq!(Trace::read(&folder).count("work"), 1);
    assert_eq!(manifest(&folder)["session"], folder.file_name().unwrap().to_str().unwrap());
}

#[test]
fn a_program_without_a_configuration_runs_unprofiled() {
    let stderr = run(&mut child_of("program"));
    assert!(stderr.contains("profiled: false"), "{stderr}");
    assert!(!stderr.contains('['), "nothing to say: {stderr}");
}

#[test]
fn a_bad_configuration_is_logged_and_the_program_runs_on() {
    let bench = Bench::of_children();
    let stderr = run(child_of("program").env("PROFILER_CONFIG", r#"{"profiler": "torch", "torch_profiler"#));
    assert!(stderr.contains("profiled: false"), "{stderr}");
    assert!(
        stderr.contains("[ERROR] this program runs without the profiler: ") && stderr.contains("PROFILER_CONFIG"),
        "{stderr}"
    );
    let stderr = run(child_of("program").env("PROFILER_CONFIG", bench.path().join("missing.json")));
    assert!(stderr.contains("missing.json"), "{stderr}");
}

#[test]
fn a_folder_that_cannot_be_made_costs_no_run() {
    let bench = Bench::of_children();
    let file = bench.path().join("file");
    fs::write(&file, "").unwrap();
    let stderr = run(child_of("program").env("PROFILER_CONFIG", torch(&file.join("perf"))));
    assert!(stderr.contains("profiled: false"), "{stderr}");
    assert!(stderr.contains("cannot write to the folder"), "{stderr}");
}

#[test]
fn a_panic_in_main_still_writes_what_was_recorded() {
    let bench = Bench::of_children();
    let config = torch(bench.path());
    let output = child_of("program").env("PROFILER_CONFIG", config).env("ENDING", "panic").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("as a user's program might"), "{stderr}");
    let trace = Trace::read(&only_session(bench.path()));
    assert_eq!((trace.count("work"), trace.count("panics")), (1, 1));
    assert_eq!(trace.losses("unfinished"), 0, "the panic closed its stage before the guard stopped the session");
}

#[test]
fn a_logger_that_panics_costs_no_artifact() {
    let bench = Bench::of_children();
    let config =
        serde_json::json!({"profiler": "torch", "torch_profiler_dir": bench.path(), "pipeline_profiler": true});
    let stderr = run(child_of("program").env("PROFILER_CONFIG", config.to_string()).env("ENDING", "logger panics"));
    assert!(stderr.contains("a logger may panic too"), "{stderr}");
    manifest(&only_session(bench.path()));
}

#[test]
fn a_guard_waits_for_a_session_that_the_program_stopped_itself() {
    let bench = Bench::of_children();
    let config = torch(bench.path());
    run(child_of("program").env("PROFILER_CONFIG", config).env("ENDING", "explicit stop"));
    manifest(&only_session(bench.path()));
}

#[test]
fn a_guard_ends_its_own_session_and_no_other() {
    let bench = Bench::alone();
    let first = profile_with(bench.config()).unwrap();
    let session = first.session().unwrap().clone();
    assert!(matches!(profile_with(bench.config()), Err(Error::AlreadyActive { .. })));
    assert_eq!(*stop_profile().unwrap().session(), session);
    let second = profile_with(bench.config()).unwrap();
    let listed = first.finish().unwrap().unwrap();
    assert!(!listed.artifacts.is_empty());
    drop(stage!("in the second session"));
    assert!(second.finish().unwrap().is_ok());
    assert!(stop_profile().is_err(), "a guard's session is not left for a stop");
}

#[test]
fn a_guard_of_an_ended_session_leaves_nothing_for_a_stop() {
    let bench = Bench::alone();
    let guard = profile_with(bench.config().max_iterations(1)).unwrap();
    profiler_runtime::next_step();
    assert!(!matches!(status(), Status::Active(_)));
    assert!(guard.finish().unwrap().is_ok());
    assert!(stop_profile().is_err());
}

#[test]
fn the_programs_own_configuration_comes_before_the_environments() {
    let bench = Bench::alone();
    assert!(matches!(start_profile(), Err(Error::NotConfigured)), "nothing is set");
    let wrong = profiler_runtime::configure(ProfilerConfig::torch(bench.path()).active_iterations(0));
    assert!(matches!(wrong, Err(Error::Config(_))));
    profiler_runtime::configure(bench.config()).unwrap();
    start_profile().unwrap();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    assert!(stopped.folder().unwrap().starts_with(bench.path()));
    profiler_runtime::configure(ProfilerConfig::default()).unwrap();
    assert!(matches!(start_profile(), Err(Error::NotConfigured)), "a configuration that records nothing switches off");
}
