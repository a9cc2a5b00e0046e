//! Workers that die, hang, come late or have no room, and a coordinator that dies: the others work
//! on, and the report names the failed rank.

#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::job_support::{LONG, Place, Process, error, is_whole, job, patient, read, states, until, until_recorded};
use profiler_runtime::ProfilerConfig;
use profiler_runtime::job::{Controller, Coordinator, CoordinatorOptions, Selection, WorkerState};
use profiler_tests::{child_of, in_child};

use WorkerState::{Failed, Idle, Lost, Recording, Silent, Written};

/// Time limit for workers that answer, long enough for a busy machine.
const SHORT: Duration = Duration::from_secs(4);

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    crate::job_support::work();
}

fn impatient() -> CoordinatorOptions {
    CoordinatorOptions::default().start_timeout(SHORT).stop_timeout(SHORT).status_timeout(SHORT)
}

#[test]
fn a_worker_killed_while_recording_is_lost_the_other_whole() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let mut workers = job(&coordinator, &[0, 1]);
    let folder = coordinator.start(&Selection::default()).unwrap().folder.unwrap();
    until_recorded(&coordinator);
    workers[1].signal("KILL");
    let is_lost = || coordinator.status().workers.iter().map(|line| line.state).eq([Recording, Lost]);
    until("the coordinator knows", is_lost);
    let begin = Instant::now();
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert!(begin.elapsed() < LONG / 2, "nobody waits for the dead");
    assert_eq!(states(&report), [(0, Written), (1, Lost)]);
    assert!(error(&report, 1).contains("has ended while it recorded"), "{report:?}");
    assert!(!report.is_complete() && is_whole(&folder, 0) && workers[0].runs());
    let summary = read(&folder.join("job.json"));
    assert_eq!((&summary["is_complete"], &summary["failed_ranks"]), (&false.into(), &serde_json::json!([1])));
}

#[test]
fn a_silent_worker_delays_nobody_and_tells_when_it_is_back() {
    let place = Place::new();
    let coordinator = place.coordinator_with(impatient());
    let workers = job(&coordinator, &[0, 1]);
    workers[0].signal("STOP");
    let begin = Instant::now();
    let report = coordinator.start(&Selection::default()).unwrap();
    assert!(begin.elapsed() < LONG / 2, "{:?}", begin.elapsed());
    assert_eq!(states(&report), [(0, Silent), (1, Recording)]);
    assert_eq!(error(&report, 0), "it has not answered within 4s");
    let folder = report.folder.unwrap();
    until_recorded(&coordinator);
    assert_eq!(coordinator.status().workers.iter().map(|line| line.state).collect::<Vec<_>>(), [Silent, Recording]);
    let begin = Instant::now();
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert!(begin.elapsed() < LONG / 2);
    assert_eq!(states(&report), [(0, Silent), (1, Written)]);
    assert!(is_whole(&folder, 1));
    let next = coordinator.start(&Selection::default()).unwrap();
    assert!(error(&next, 0).starts_with("it was not asked"), "{next:?}");
    coordinator.stop(&Selection::default(), LONG).unwrap();
    workers[0].signal("CONT");
    until("the late answer counts", || states(&coordinator.session(&report.session).unwrap())[0].1 == Written);
    let next = coordinator.start(&Selection::default()).unwrap();
    assert_eq!(states(&next), [(0, Recording), (1, Recording)]);
}

#[test]
fn a_worker_that_hangs_at_the_stop_is_not_waited_for() {
    let place = Place::new();
    let coordinator = place.coordinator_with(impatient());
    let workers = job(&coordinator, &[0, 1]);
    let folder = coordinator.start(&Selection::default()).unwrap().folder.unwrap();
    until_recorded(&coordinator);
    workers[1].signal("STOP");
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert_eq!(states(&report), [(0, Written), (1, Silent)]);
    assert!(is_whole(&folder, 0));
    assert_eq!(read(&folder.join("job.json"))["failed_ranks"], serde_json::json!([1]));
}

#[test]
fn a_late_worker_is_reported_and_started_only_if_asked() {
    for (starts, expected) in [(false, Idle), (true, Recording)] {
        let place = Place::new();
        let coordinator = place.coordinator_with(patient().start_late_joiners(starts));
        let _first = Process::worker(&coordinator, 0, 2);
        assert_eq!(coordinator.wait_for_workers(1, LONG), 1);
        let session = coordinator.start(&Selection::default()).unwrap().session;
        let _late = Process::worker(&coordinator, 1, 2);
        assert_eq!(coordinator.wait_for_workers(2, LONG), 2);
        let state = || coordinator.status().workers[1].state;
        until("the late worker is where it should be", || state() == expected);
        let report = coordinator.session(&session).unwrap();
        if starts {
            assert_eq!(states(&coordinator.stop(&Selection::default(), LONG).unwrap()), [(0, Written), (1, Written)]);
        } else {
            assert!(error(&report, 1).starts_with("it joined while the session was active"), "{report:?}");
            assert_eq!(states(&coordinator.stop(&Selection::default(), LONG).unwrap()), [(0, Written), (1, Idle)]);
            coordinator.start(&Selection::default()).unwrap();
            assert_eq!(state(), Recording, "it is in the next one");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_in_one_rank_costs_that_rank_only() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let _first = Process::worker(&coordinator, 0, 2);
    // Files of this process may hold no byte, and a write fails with an error instead of a signal.
    let whole = Process::command(&coordinator, 1, 2);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -f 0; trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(whole.get_program())
        .args(whole.get_args());
    for (name, value) in whole.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let mut second = Process::start(&mut limited);
    assert_eq!(coordinator.wait_for_workers(2, LONG), 2);
    let folder = coordinator.start(&Selection::default()).unwrap().folder.unwrap();
    until_recorded(&coordinator);
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert_eq!(states(&report), [(0, Written), (1, Failed)]);
    assert!(error(&report, 1).contains("trace_rank1.json`: File too large"), "{report:?}");
    assert!(is_whole(&folder, 0) && !folder.join("trace_rank1.json").exists() && second.runs());
}

/// Starts a session, says so, and waits to be killed.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn doomed_coordinator() {
    if !in_child() {
        return;
    }
    let config = ProfilerConfig::torch(std::env::var("PERF").unwrap());
    let options = patient().config(config);
    let coordinator = Coordinator::bind(&std::env::var("ADDRESS").unwrap(), options).unwrap();
    coordinator.wait_for_workers(1, LONG);
    let session = coordinator.start(&Selection::default()).unwrap().session;
    until_recorded(&coordinator);
    println!("\nsession {session}");
    std::thread::sleep(LONG);
}

#[test]
fn workers_outlive_their_coordinator_and_join_the_next() {
    let place = Place::new();
    let mut doomed = child_of("doomed_coordinator");
    doomed.env("PERF", place.perf()).env("ADDRESS", place.address()).stdout(Stdio::piped());
    let mut doomed = doomed.spawn().unwrap();
    let mut command = child_of("worker");
    let mut worker = Process::start(command.env("PROFILER_COORDINATOR", place.address()));
    let lines = BufReader::new(doomed.stdout.take().unwrap()).lines().map_while(Result::ok);
    let session = lines.filter_map(|line| Some(line.strip_prefix("session ")?.to_owned())).next().unwrap();
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let folder = place.perf().join(session);
    until("the worker has written the session", || folder.join("manifest_rank0.json").exists());
    assert!(is_whole(&folder, 0) && worker.runs());
    let coordinator = place.coordinator();
    assert_eq!(coordinator.wait_for_workers(1, LONG), 1, "the worker looks for its coordinator");
    coordinator.start(&Selection::default()).unwrap();
    until_recorded(&coordinator);
    assert!(coordinator.stop(&Selection::default(), LONG).unwrap().is_complete());
    drop(coordinator);
    assert!(worker.finish());
}
