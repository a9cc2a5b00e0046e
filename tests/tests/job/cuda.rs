//! `profiler: cuda` in a job: each worker opens and closes the capture range itself, once, and the
//! process that starts the session does not.

use crate::job_support::{LONG, Process, patient, until_recorded};
use profiler_runtime::ProfilerConfig;
use profiler_runtime::job::{Controller, Coordinator, Selection};
use profiler_tests::gpu::{calls, machine, make_context};
use profiler_tests::{in_child, succeeded};

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    if in_child() {
        make_context();
        crate::job_support::work();
    }
}

/// Runs as a program with a context of its own and two workers.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn parent() {
    if !in_child() {
        return;
    }
    make_context();
    let folder = std::env::var("JOB").unwrap();
    let address = format!("unix:{folder}/socket/profiler.sock");
    let options = patient().config(ProfilerConfig::cuda());
    let coordinator = Coordinator::bind(&address, options).unwrap();
    let worker = |rank: u32| {
        let mut command = Process::command(&coordinator, rank, 2);
        Process::start(command.env("CUDA_DOUBLE_LOG", format!("{folder}/worker{rank}.log")))
    };
    let workers = [worker(0), worker(1)];
    assert_eq!(coordinator.wait_for_workers(2, LONG), 2);
    assert!(coordinator.start(&Selection::default()).unwrap().is_complete());
    until_recorded(&coordinator);
    let report = coordinator.stop(&Selection::default(), LONG).unwrap();
    assert!(report.is_complete(), "{report:?}");
    for worker in &report.workers {
        let kinds: Vec<&str> = worker.artifacts.iter().map(|artifact| artifact.kind.as_str()).collect();
        assert_eq!(kinds, ["timing", "summary", "manifest"], "rank {}", worker.worker.rank);
    }
    assert!(workers.into_iter().all(Process::finish));
}

#[test]
fn each_worker_but_not_the_parent_opens_the_range_once() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(machine("parent", folder.path()).env("JOB", folder.path()));
    for log in ["worker0.log", "worker1.log"] {
        assert_eq!(calls(folder.path(), log), ["cuProfilerStart", "cuCtxSynchronize", "cuProfilerStop"], "{log}");
    }
    assert_eq!(calls(folder.path(), "cuda.log"), Vec::<String>::new());
}
