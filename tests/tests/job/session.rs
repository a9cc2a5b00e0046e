//! A coordinator and its worker processes when all goes well: one session, one folder, and a line
//! for each worker.

use std::path::Path;
use std::time::Duration;

use crate::job_support::{LONG, Place, Process, is_whole, job, patient, read, states, until, until_recorded};
use crate::schema_support::{problems, undescribed};
use profiler_runtime::ProfilerConfig;
use profiler_runtime::job::{ControlError, Controller, Coordinator, Selection, WorkerState};
use serde_json::Value;

use WorkerState::{Idle, Recording, Written};

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    crate::job_support::work();
}

#[test]
fn two_workers_write_one_session_into_one_folder() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let workers = job(&coordinator, &[0, 1]);
    assert_eq!(coordinator.status().workers.len(), 2);
    let started = coordinator.start(&Selection::default()).unwrap();
    assert_eq!(states(&started), [(0, Recording), (1, Recording)]);
    until_recorded(&coordinator);
    let status = coordinator.status();
    assert_eq!(status.session.as_deref(), Some(started.session.as_str()));
    assert!(status.workers.iter().all(|line| line.state == Recording && line.recorded_iterations > 0), "{status:?}");

    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert!(report.is_complete() && report.session == started.session, "{report:?}");
    assert_eq!(states(&report), [(0, Written), (1, Written)]);
    let folder = report.folder.clone().unwrap();
    assert_eq!(folder, place.perf().join(&report.session));
    for rank in [0, 1] {
        assert!(is_whole(&folder, rank));
        let line = &report.workers[rank as usize];
        assert_eq!(line.worker.name, format!("diffusion_rank_{rank}"));
        assert!(line.artifacts.iter().any(|artifact| artifact.name == format!("trace_rank{rank}.json")));
        let manifest = read(&folder.join(format!("manifest_rank{rank}.json")));
        assert_eq!((&manifest["session"], &manifest["world_size"]), (&report.session.as_str().into(), &2.into()));
        assert!(manifest["warnings"].as_array().unwrap().is_empty(), "{manifest:#}");
    }
    let summary = read(&folder.join("job.json"));
    assert_eq!((&summary["state"], &summary["is_complete"]), (&"stopped".into(), &true.into()));
    assert_eq!(summary["workers"].as_array().unwrap().len(), 2);
    assert_eq!(problems("job", &summary), Vec::<String>::new(), "{summary:#}");
    assert_eq!(undescribed("job", &summary), Vec::<String>::new());
    assert_totals(&summary, &folder);
    assert_eq!(coordinator.session(&report.session).unwrap(), report);
    assert_eq!(coordinator.folder(&report.session), report.folder);
    assert!(workers.into_iter().all(Process::finish));
}

/// Asserts that the job's requests are those of its ranks, and its iterations those of their
/// reports (A4, A15).
fn assert_totals(summary: &Value, folder: &Path) {
    let timings = [0, 1].map(|rank| read(&folder.join(format!("timing_rank{rank}.json"))));
    let of = |timing: &Value, key: &str| timing["requests"][key].as_u64().unwrap();
    let both = |key: &str| timings.each_ref().map(|timing| of(timing, key));
    assert_eq!(of(summary, "count"), both("count").iter().sum::<u64>());
    assert_eq!(of(summary, "sum_ns"), both("sum_ns").iter().sum::<u64>());
    assert_eq!(Some(of(summary, "max_ns")), both("max_ns").into_iter().max());
    let [one, other] = both("p50_ns");
    let slack = |ns: u64| ns / 50 + 1;
    let median = of(summary, "p50_ns");
    assert!(median >= one.min(other) - slack(one) && median <= one.max(other) + slack(other), "{median}");
    for (worker, timing) in summary["workers"].as_array().unwrap().iter().zip(&timings) {
        assert_eq!(worker["recorded_iterations"], timing["recorded_iterations"]);
        assert_eq!(worker["requests"]["sketch"], timing["requests"]["sketch"]);
    }
}

/// D6: the warnings of a start come from the workers, too, and each comes once; the status names
/// the session that was written last.
#[test]
fn workers_warnings_reach_the_report_of_the_start() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let _workers = job(&coordinator, &[0, 1]);
    assert!(coordinator.status().last_session.is_none());
    let names = vec!["nothing_like_it".to_owned(), "work".to_owned()];
    let selection = Selection::default().named(names);
    let started = coordinator.start(&selection).unwrap();
    let [warning] = started.warnings.as_slice() else { panic!("{started:?}") };
    assert!(warning.starts_with("stages[0]: `nothing_like_it` matches no registered"), "{warning}");
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert!(report.warnings.is_empty(), "{report:?}");
    assert_eq!(coordinator.status().last_session, Some(report));
}

#[test]
fn wrong_orders_are_typed_errors_and_sessions_follow_each_other() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let everyone = Selection::default();
    assert!(matches!(coordinator.start(&everyone), Err(ControlError::NoWorkers)));
    assert!(matches!(coordinator.stop(&everyone, LONG), Err(ControlError::NotActive)));
    let _workers = job(&coordinator, &[0]);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let session = coordinator.start(&everyone).unwrap().session;
        let again = coordinator.start(&everyone).unwrap_err();
        assert!(matches!(&again, ControlError::AlreadyActive { session: active } if *active == session), "{again}");
        assert!(coordinator.stop(&everyone, LONG).unwrap().is_complete());
        assert!(matches!(coordinator.stop(&everyone, LONG), Err(ControlError::NotActive)));
        sessions.push(session);
    }
    sessions.dedup();
    assert_eq!(sessions.len(), 3);
}

#[test]
fn stages_0_and_2_of_3_are_started_and_stopped_as_one_selection() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let stage =
        |rank: u32| Process::start(Process::command(&coordinator, rank, 3).env("PROFILER_STAGE_ID", rank.to_string()));
    let _workers = [stage(0), stage(1), stage(2)];
    assert_eq!(coordinator.wait_for_workers(3, LONG), 3);
    let unknown = coordinator.start(&Selection::stages([0, 7])).unwrap_err();
    assert_eq!(unknown.to_string(), "no worker has the stage 7; there are [0, 1, 2]");
    let started = coordinator.start(&Selection::stages([2, 0])).unwrap();
    assert_eq!(states(&started), [(0, Recording), (2, Recording)]);
    assert_eq!(coordinator.status().workers[1].state, Idle);
    for other in [Selection::stages([0]), Selection::stages([0, 1, 2])] {
        let error = coordinator.stop(&other, LONG).unwrap_err();
        assert!(matches!(error, ControlError::OtherSelection { .. }), "{error}");
    }
    until_recorded(&coordinator);
    let report = coordinator.stop(&Selection::stages([0, 2]), LONG).unwrap();
    assert_eq!(states(&report), [(0, Written), (2, Written)]);
    let folder = report.folder.unwrap();
    assert!(is_whole(&folder, 0) && is_whole(&folder, 2) && !folder.join("manifest_rank1.json").exists());
}

#[test]
fn names_replace_the_stages_of_the_configuration() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let _workers = job(&coordinator, &[0]);
    let named = Selection::default().named(["wor*"]);
    let folder = coordinator.start(&named).unwrap().folder.unwrap();
    until_recorded(&coordinator);
    assert!(matches!(coordinator.stop(&Selection::stages([0]), LONG), Err(ControlError::OtherSelection { .. })));
    assert!(coordinator.stop(&named, LONG).unwrap().is_complete());
    assert!(is_whole(&folder, 0));
    assert_eq!(read(&folder.join("manifest_rank0.json"))["config"]["stages"], serde_json::json!(["wor*"]));
}

#[test]
fn any_order_from_many_threads_is_one_session_at_a_time() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let _workers = job(&coordinator, &[0, 1]);
    let everyone = Selection::default();
    let (started, stopped): (Vec<_>, Vec<_>) = std::thread::scope(|scope| {
        let orders: Vec<_> = (0..64)
            .map(|number| {
                let (coordinator, everyone) = (&coordinator, &everyone);
                scope.spawn(move || match number % 3 {
                    0 => (coordinator.start(everyone).ok().map(|report| report.session), None),
                    1 => (None, coordinator.stop(everyone, LONG).ok().map(|report| report.session)),
                    _ => {
                        assert_eq!(coordinator.status().workers.len(), 2);
                        (None, None)
                    }
                })
            })
            .collect();
        orders.into_iter().map(|order| order.join().unwrap()).unzip()
    });
    let (mut started, mut stopped): (Vec<_>, Vec<_>) =
        (started.into_iter().flatten().collect(), stopped.into_iter().flatten().collect());
    stopped.extend(coordinator.stop(&everyone, LONG).ok().map(|report| report.session));
    started.sort();
    stopped.sort();
    assert!(!started.is_empty());
    assert_eq!(started, stopped, "what was started is stopped once");
    for session in &started {
        let folder = place.perf().join(session);
        let summary = read(&folder.join("job.json"));
        assert_eq!((&summary["state"], &summary["is_complete"]), (&"stopped".into(), &true.into()), "{summary:#}");
        assert!([0, 1].iter().all(|rank| folder.join(format!("manifest_rank{rank}.json")).exists()));
    }
    assert_eq!(std::fs::read_dir(place.perf()).unwrap().count(), started.len());
}

#[test]
fn a_session_that_ended_by_itself_answers_stop_and_frees_start() {
    let place = Place::new();
    let config = ProfilerConfig::torch(place.perf()).max_iterations(3);
    let coordinator = Coordinator::bind(&place.address(), patient().config(config)).unwrap();
    let _workers = job(&coordinator, &[0, 1]);
    let ended = || coordinator.status().workers.iter().all(|line| line.state == Written);
    let first = coordinator.start(&Selection::default()).unwrap();
    until("the iterations are over", ended);
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert_eq!((states(&report), &report.session), (vec![(0, Written), (1, Written)], &first.session));
    let manifest = read(&report.folder.unwrap().join("manifest_rank1.json"));
    assert_eq!(manifest["ended_by"], "iterations");
    coordinator.start(&Selection::default()).unwrap();
    until("the iterations are over", ended);
    assert!(coordinator.start(&Selection::default()).unwrap().is_complete(), "nobody has stopped the one before");
}

#[test]
fn a_stop_that_does_not_wait_says_later_what_was_written() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let _workers = job(&coordinator, &[0]);
    coordinator.start(&Selection::default()).unwrap();
    until_recorded(&coordinator);
    let session = coordinator.stop(&Selection::default(), Duration::ZERO).unwrap().session;
    let report = || coordinator.session(&session).unwrap();
    until("the artifacts are written", || states(&report()) == [(0, Written)]);
    let folder = report().folder.unwrap();
    until("the job's report is complete", || read(&folder.join("job.json"))["workers"][0]["state"] == "written");
    assert!(is_whole(&folder, 0));
}

#[test]
fn a_worker_that_ends_writes_what_it_has_recorded() {
    let place = Place::new();
    let coordinator = place.coordinator();
    let mut workers = job(&coordinator, &[0, 1]);
    let folder = coordinator.start(&Selection::default()).unwrap().folder.unwrap();
    until_recorded(&coordinator);
    assert!(workers.remove(0).finish());
    assert!(is_whole(&folder, 0));
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert_eq!(states(&report), [(0, Written), (1, Written)], "the one that has left said so: {report:?}");
}
