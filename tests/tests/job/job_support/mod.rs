//! A job made of child processes: each runs the ignored test `worker` of its test binary, which
//! works in steps until its standard input ends.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::job::{Controller, Coordinator, CoordinatorOptions, Report, WorkerState, WorkerStatus};
use profiler_runtime::session::Status;
use profiler_runtime::{ProfilerConfig, profile_from_env, request, stage, status, step};
use profiler_tests::{child_of, in_child, input_ends};
use serde_json::Value;
use tempfile::TempDir;

/// Time limit that nothing exceeds on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Variable with the folder in which a worker notes its recorded sessions.
const NOTES: &str = "NOTES";

/// Runs a worker process.
pub(crate) fn work() {
    if !in_child() {
        return;
    }
    let _profile = profile_from_env();
    work_without_guard();
}

/// Works until the standard input ends, and starts no sessions.
pub(crate) fn work_without_guard() {
    let is_over = input_ends();
    while !is_over.load(Ordering::SeqCst) {
        {
            let _request = request("a request");
            let _step = step!("denoise_step");
            let _stage = stage!("work");
            thread::sleep(Duration::from_millis(2));
        }
        note_recorded();
    }
}

/// Notes the active session once an iteration of it is recorded.
fn note_recorded() {
    let Some(notes) = std::env::var_os(NOTES) else { return };
    if let Status::Active(progress) = status()
        && progress.recorded_iterations > 0
    {
        fs::write(Path::new(&notes).join(progress.session.as_str()), "").unwrap();
    }
}

/// Temporary folder of a job.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the folder of the sessions.
    pub(crate) fn perf(&self) -> PathBuf {
        self.path().join("perf")
    }

    /// Returns the address of the coordinator.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.path().join("socket/profiler.sock").display())
    }

    /// Creates a coordinator that records traces, and waits for its workers on the busiest machine.
    pub(crate) fn coordinator(&self) -> Coordinator {
        self.coordinator_with(patient())
    }

    /// Returns the variable that makes a worker [note](Self::has_recorded) its sessions.
    pub(crate) fn notes(&self) -> (&'static str, PathBuf) {
        let notes = self.path().join("notes");
        fs::create_dir_all(&notes).unwrap();
        (NOTES, notes)
    }

    /// Returns whether an iteration of the session in this folder is recorded.
    pub(crate) fn has_recorded(&self, session: &Path) -> bool {
        self.notes().1.join(session.file_name().unwrap()).exists()
    }

    pub(crate) fn coordinator_with(&self, options: CoordinatorOptions) -> Coordinator {
        Coordinator::bind(&self.address(), options.config(ProfilerConfig::torch(self.perf()))).unwrap()
    }
}

/// Worker process, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a worker of this coordinator.
    pub(crate) fn worker(coordinator: &Coordinator, rank: u32, size: u32) -> Self {
        Self::start(&mut Self::command(coordinator, rank, size))
    }

    pub(crate) fn command(coordinator: &Coordinator, rank: u32, size: u32) -> Command {
        let mut command = child_of("worker");
        command.envs(coordinator.environment()).envs([("RANK", rank.to_string()), ("WORLD_SIZE", size.to_string())]);
        command
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Sends a signal, such as `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.0.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Closes the standard input, waits for the end, and returns whether the process succeeded.
    pub(crate) fn finish(mut self) -> bool {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts workers of these ranks, and waits until they have joined.
pub(crate) fn job(coordinator: &Coordinator, ranks: &[u32]) -> Vec<Process> {
    let size = u32::try_from(ranks.len()).unwrap();
    let workers: Vec<_> = ranks.iter().map(|&rank| Process::worker(coordinator, rank, size)).collect();
    assert_eq!(coordinator.wait_for_workers(ranks.len(), LONG), ranks.len());
    workers
}

/// Returns the rank and the state of each worker.
pub(crate) fn states(report: &Report) -> Vec<(u32, WorkerState)> {
    report.workers.iter().map(|line| (line.worker.rank, line.state)).collect()
}

/// Returns the error of a rank.
pub(crate) fn error(report: &Report, rank: u32) -> &str {
    let line = report.workers.iter().find(|line| line.worker.rank == rank).unwrap();
    line.error.as_deref().unwrap_or_else(|| panic!("rank {rank} has no error: {report:?}"))
}

pub(crate) fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Returns whether the trace of a rank is complete and has its ranges.
pub(crate) fn is_whole(folder: &Path, rank: u32) -> bool {
    let manifest = read(&folder.join(format!("manifest_rank{rank}.json")));
    let trace = read(&folder.join(format!("trace_rank{rank}.json")));
    let has_work = trace["traceEvents"].as_array().unwrap().iter().any(|event| event["name"] == "work");
    has_work && manifest["errors"].as_array().unwrap().is_empty() && trace["distributedInfo"]["rank"] == rank
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LONG, "{what} has not come true");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until every worker that records has recorded an iteration.
pub(crate) fn until_recorded(coordinator: &Coordinator) {
    let has_recorded = |line: &WorkerStatus| line.state != WorkerState::Recording || line.recorded_iterations > 0;
    until("every worker has recorded an iteration", || coordinator.status().workers.iter().all(has_recorded));
}

/// Returns options whose time limits no machine exceeds.
pub(crate) fn patient() -> CoordinatorOptions {
    CoordinatorOptions::default().start_timeout(LONG).stop_timeout(LONG).status_timeout(LONG)
}
