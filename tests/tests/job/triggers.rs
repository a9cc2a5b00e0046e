//! SIGUSR2 and the trigger file, in one process and in a coordinator's: off unless the
//! configuration names them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::job_support::{LONG, Place, Process, is_whole, patient, until};
use profiler_runtime::job::{self, ControlError, Controller, Coordinator, FailureCode, Selection, WorkerState};
use profiler_runtime::{ProfilerConfig, profile_with};
use profiler_tests::{child_of, in_child};
use serde_json::{Value, json};

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    crate::job_support::work();
}

/// Runs as a program with a coordinator, on which the triggers act.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn parent() {
    if !in_child() {
        return;
    }
    let coordinator = Coordinator::bind(&std::env::var("ADDRESS").unwrap(), patient()).unwrap();
    let _worker = Process::worker(&coordinator, 0, 1);
    assert_eq!(coordinator.wait_for_workers(1, LONG), 1);
    job::set_controller(Arc::new(coordinator));
    crate::job_support::work();
}

fn program(place: &Place, name: &str, triggers: Value) -> Command {
    let mut config = json!({"profiler": "torch", "torch_profiler_dir": place.perf()});
    config.as_object_mut().unwrap().extend(triggers.as_object().unwrap().clone());
    let mut command = child_of(name);
    command.env("PROFILER_CONFIG", config.to_string()).env("ADDRESS", place.address()).envs([place.notes()]);
    command
}

fn sessions(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.perf()).into_iter().flatten();
    let mut sessions: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    sessions.sort();
    sessions
}

fn is_written(folder: &Path) -> bool {
    folder.join("manifest_rank0.json").exists()
}

/// Returns whether the process catches SIGUSR2, which kills it otherwise.
#[cfg(target_os = "linux")]
fn waits_for_signal(process: &Process) -> bool {
    const SIGUSR2: u32 = 12;
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
    u64::from_str_radix(caught, 16).unwrap_or(0) >> (SIGUSR2 - 1) & 1 == 1
}

#[test]
#[cfg(target_os = "linux")]
fn the_signal_starts_a_session_and_the_next_one_stops_it() {
    for program_name in ["worker", "parent"] {
        let place = Place::new();
        let mut command = program(&place, program_name, json!({"toggle_on_sigusr2": true}));
        let process = Process::start(&mut command);
        until("the signal is waited for", || waits_for_signal(&process));
        assert!(sessions(&place).is_empty(), "it waits instead of starting at once");
        for number in 1..=2 {
            process.signal("USR2");
            until("the session is there", || sessions(&place).len() == number);
            until("it records", || sessions(&place).iter().all(|folder| place.has_recorded(folder)));
            process.signal("USR2");
            until("the session is written", || sessions(&place).iter().all(|folder| is_written(folder)));
        }
        assert!(sessions(&place).iter().all(|folder| is_whole(folder, 0)), "{program_name}");
        assert!(process.finish(), "{program_name}");
    }
}

/// Runs a server with the routes alone, or with a guard beside them.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn server() {
    if !in_child() {
        return;
    }
    let guard = std::env::var_os("GUARD").map(|_| profiler_runtime::profile_from_env());
    let _routes = profiler_runtime::http::router_from_env();
    let _server = profiler_runtime::http::serve("127.0.0.1:0").unwrap();
    // If there is a guard, the guard in `work` finds the triggers armed.
    if guard.is_some() { crate::job_support::work() } else { crate::job_support::work_without_guard() }
}

/// D5: the routes of a server arm the triggers as a guard does, and both together arm them once.
#[test]
#[cfg(target_os = "linux")]
fn a_server_with_routes_alone_hears_the_signal() {
    for guard in [false, true] {
        let place = Place::new();
        let mut command = program(&place, "server", json!({"toggle_on_sigusr2": true}));
        if guard {
            command.env("GUARD", "1");
        }
        let mut process = Process::start(&mut command);
        until("the signal is waited for", || waits_for_signal(&process));
        process.signal("USR2");
        until("it records", || sessions(&place).iter().any(|folder| place.has_recorded(folder)));
        assert_eq!(sessions(&place).len(), 1, "guard: {guard}");
        process.signal("USR2");
        until("the session is written", || sessions(&place).iter().all(|folder| is_written(folder)));
        assert!(process.runs() && sessions(&place).len() == 1, "guard: {guard}");
        assert!(process.finish(), "guard: {guard}");
    }
}

#[test]
fn a_session_runs_while_the_trigger_file_is_there() {
    for program_name in ["worker", "parent"] {
        let place = Place::new();
        let file = place.path().join("profile-now");
        let process = Process::start(&mut program(&place, program_name, json!({"trigger_file": file})));
        // Longer than the time between two looks for the file.
        std::thread::sleep(Duration::from_millis(500));
        assert!(sessions(&place).is_empty(), "it waits instead of starting at once");
        fs::write(&file, "").unwrap();
        let records = |number| {
            let sessions = sessions(&place);
            sessions.len() == number && sessions.iter().all(|folder| place.has_recorded(folder))
        };
        until("the session records", || records(1));
        fs::remove_file(&file).unwrap();
        until("the session is written", || is_written(&sessions(&place)[0]));
        fs::write(&file, "").unwrap();
        until("the second session records", || records(2));
        assert!(process.finish(), "{program_name}");
        assert!(sessions(&place).iter().all(|folder| is_whole(folder, 0)), "the end writes what runs: {program_name}");
    }
}

#[test]
fn a_guard_with_a_trigger_in_its_configuration_waits_for_it() {
    let place = Place::new();
    let file = place.path().join("profile-now");
    let guard = profile_with(ProfilerConfig::torch(place.perf()).trigger_file(&file)).unwrap();
    assert!(guard.session().is_none());
    fs::write(&file, "").unwrap();
    until("the session is there", || sessions(&place).len() == 1);
    drop(guard);
    assert!(is_written(&sessions(&place)[0]));
}

#[test]
fn a_worker_tells_its_coordinator_of_its_own_session() {
    let place = Place::new();
    let (file, own) = (place.path().join("profile-now"), Place::new());
    let coordinator = place.coordinator();
    let mut command = program(&own, "worker", json!({"trigger_file": file}));
    let process = Process::start(command.envs(coordinator.environment()));
    assert_eq!(coordinator.wait_for_workers(1, LONG), 1);
    fs::write(&file, "").unwrap();
    until("the worker's own session is there", || sessions(&own).len() == 1);
    let report = coordinator.start(&Selection::default()).unwrap();
    let line = &report.workers[0];
    assert_eq!((line.state, line.code), (WorkerState::Failed, Some(FailureCode::AlreadyActive)), "{report:?}");
    let stop = coordinator.stop(&Selection::default(), LONG).unwrap_err();
    assert!(matches!(stop, ControlError::NotActive), "nobody has begun: {stop}");
    fs::remove_file(&file).unwrap();
    until("the worker's own session is written", || is_written(&sessions(&own)[0]));
    assert!(coordinator.start(&Selection::default()).unwrap().is_complete());
    assert!(process.finish());
}

#[test]
#[cfg(target_os = "linux")]
fn without_the_configuration_nothing_waits_for_a_signal() {
    let place = Place::new();
    let mut process = Process::start(&mut program(&place, "worker", json!({})));
    until("it records at once", || sessions(&place).len() == 1);
    assert!(!waits_for_signal(&process) && process.runs());
    assert!(process.finish());
}
