//! The controller of the process it is in, and the global controller on which triggers act.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::report::{
    ControlError, FailureCode, JobStatus, MAX_NAME, Report, Worker, WorkerArtifact, WorkerState, WorkerStatus,
};
use super::{Controller, Selection, remember};
use crate::control::{self, names};
use crate::error::Error;
use crate::logging;
use crate::os::host;
use crate::session::{self, ExportHandle, Status};
use profiler_core::process::PerProcess;
use profiler_trace::export::Manifest;
use profiler_trace::text;

/// Variable with the worker's name.
const NAME: &str = "PROFILER_WORKER_NAME";

static INSTALLED: PerProcess<Mutex<Arc<dyn Controller>>> =
    PerProcess::new(|_| Mutex::new(Arc::new(LocalController::new())));

/// Sets the controller on which triggers act, such as the [`Coordinator`](super::Coordinator) of a
/// job in the process that has one.
pub fn set_controller(controller: Arc<dyn Controller>) {
    let before = {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *installed, controller)
    };
    // Dropped after unlocking, because a coordinator takes a moment to end.
    drop(before);
}

/// Returns the controller on which triggers act: [`LocalController`] unless [`set_controller`] has
/// set another.
#[must_use]
pub fn controller() -> Arc<dyn Controller> {
    Arc::clone(&INSTALLED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The controller of the process it is in, which is a job of one worker.
#[derive(Debug, Default)]
pub struct LocalController {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Selection that the active session was started with.
    selection: Selection,
    /// Handles of the last sessions, oldest first.
    sessions: VecDeque<ExportHandle>,
}

impl LocalController {
    /// Creates a controller that starts sessions with the process's configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, session: &str) -> Option<ExportHandle> {
        self.state().sessions.iter().find(|handle| handle.session().as_str() == session).cloned()
    }
}

impl Controller for LocalController {
    fn start(&self, selection: &Selection) -> Result<Report, ControlError> {
        let this = this_worker();
        if let Some(&stage) = selection.stages.iter().find(|&&stage| stage != this.stage) {
            return Err(ControlError::NoSuchStage { stage, known: vec![this.stage] });
        }
        let mut parsed = control::configured()?.ok_or(Error::NotConfigured)?;
        names::check(&selection.names)?;
        if !selection.names.is_empty() {
            parsed.config = parsed.config.stages(selection.names.clone());
        }
        let parsed = selection.wishes.apply(parsed).map_err(Error::from)?;
        let _held = logging::hold();
        let mut state = self.state();
        if let Status::Active(progress) = session::status() {
            return Err(ControlError::AlreadyActive { session: progress.session.to_string() });
        }
        let wishes = &selection.wishes;
        let reserved = wishes.names_session().then(|| wishes.reserve(&parsed.config)).transpose()?;
        let handle = control::begin_as(parsed, reserved.map(|(session, _)| session.into()))?;
        state.selection = selection.clone();
        remember(&mut state.sessions, handle.clone());
        let warnings = handle.start_warnings().to_vec();
        Ok(Report { warnings, ..report(&handle, WorkerStatus::new(this, WorkerState::Recording)) })
    }

    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError> {
        let held = logging::hold();
        let mut state = self.state();
        if matches!(session::status(), Status::Active(_)) {
            selection.check_stops(&state.selection)?;
        }
        let stopped = session::stop()?;
        state.selection = Selection::default();
        if !state.sessions.iter().any(|handle| handle.session() == stopped.session()) {
            state.sessions.push_back(stopped.clone());
        }
        drop(state);
        drop(held);
        Ok(report(&stopped, outcome_status(&stopped, stopped.wait_timeout(wait))))
    }

    fn status(&self) -> JobStatus {
        let (session, status) = this_status();
        let last = session::last().filter(ExportHandle::is_written);
        let last_session = last.map(|last| report(&last, session_status(&last)));
        JobStatus { session, workers: vec![status], last_session }
    }

    fn session(&self, session: &str) -> Option<Report> {
        let handle = self.handle(session)?;
        Some(report(&handle, session_status(&handle)))
    }

    fn folder(&self, session: &str) -> Option<PathBuf> {
        self.handle(session)?.folder().map(PathBuf::from)
    }
}

/// Returns this process as a worker, with the rank that its launcher has set.
pub(super) fn this_worker() -> Worker {
    let (ranks, stage) = session::this_rank();
    Worker {
        name: worker_name(ranks.rank, std::env::var_os(NAME)),
        rank: ranks.rank,
        stage,
        pid: std::process::id(),
        host: host::name(),
    }
}

/// Returns a worker's name: `given` if it is valid, or one made of its rank.
fn worker_name(rank: u32, given: Option<OsString>) -> String {
    let given = given.and_then(|given| given.into_string().ok());
    let is_name = |name: &String| (1..=MAX_NAME).contains(&name.len()) && !name.contains(text::acts);
    given.filter(is_name).unwrap_or_else(|| format!("diffusion_rank_{rank}"))
}

/// Returns the session that this process is recording or writing, and its status.
pub(super) fn this_status() -> (Option<String>, WorkerStatus) {
    let status = session::status();
    let session = match &status {
        Status::Idle => return (None, WorkerStatus::new(this_worker(), WorkerState::Idle)),
        Status::Active(progress) => &progress.session,
        Status::Exporting { session } => session,
    };
    let mut worker = WorkerStatus::new(this_worker(), WorkerState::Writing);
    if let Status::Active(progress) = &status {
        worker.state = WorkerState::Recording;
        (worker.recorded_iterations, worker.lost_ranges) = (progress.recorded_iterations, progress.lost_ranges);
    } else if let Some(own) = session::last().filter(|last| last.session() == session) {
        worker.recorded_iterations = own.recorded_iterations();
    }
    (Some(session.to_string()), worker)
}

/// Returns the status of a session, which may be recording, being written, or written.
pub(super) fn session_status(handle: &ExportHandle) -> WorkerStatus {
    let (active, status) = this_status();
    if status.state == WorkerState::Recording && active.as_deref() == Some(handle.session().as_str()) {
        return status;
    }
    outcome_status(handle, handle.wait_timeout(Duration::ZERO))
}

/// Returns the status of a session that has ended; `outcome` is `None` while its artifacts are
/// being written.
pub(super) fn outcome_status(handle: &ExportHandle, outcome: Option<Result<Manifest, Error>>) -> WorkerStatus {
    let mut status = WorkerStatus::new(this_worker(), WorkerState::Writing);
    status.recorded_iterations = handle.recorded_iterations();
    let manifest = match outcome {
        None => return status,
        Some(Err(error)) => return status.failed(error.to_string()),
        Some(Ok(manifest)) => manifest,
    };
    status.state = WorkerState::Written;
    status.artifacts = manifest.artifacts.iter().map(WorkerArtifact::from).collect();
    status.requests = (manifest.requests.count() > 0).then_some(manifest.requests);
    status.missing = manifest.missing;
    status.lost_ranges = manifest.ranges_lost;
    if !manifest.errors.is_empty() {
        status.code = Some(FailureCode::Artifacts);
        status = status.failed(manifest.errors.join("; "));
    }
    status
}

fn report(handle: &ExportHandle, status: WorkerStatus) -> Report {
    Report::new(handle.session().as_str(), handle.folder().map(PathBuf::from), vec![status])
}
