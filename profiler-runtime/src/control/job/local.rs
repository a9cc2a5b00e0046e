//! The controller of one process: this one.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::report::{
    ControlError, FailureCode, JobStatus, MOST_NAME, Report, Worker, WorkerArtifact, WorkerState, WorkerStatus,
};
use super::{Controller, REMEMBERED, Selection, asked};
use crate::control;
use crate::error::Error;
use crate::logging;
use crate::session::{self, Status, Stopped};
use profiler_trace::export::Manifest;
use profiler_trace::text;

/// The variable that names a worker.
const NAME: &str = "PROFILER_WORKER_NAME";

/// Profiles the process it is in: a job of one worker.
#[derive(Debug, Default)]
pub struct Local {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the active session was started with.
    selection: Selection,
    /// Handles of the last sessions, oldest first.
    sessions: VecDeque<Stopped>,
}

impl Local {
    /// A controller that starts sessions with the process's configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, session: &str) -> Option<Stopped> {
        self.state().sessions.iter().find(|handle| handle.session().as_str() == session).cloned()
    }
}

impl Controller for Local {
    fn start(&self, selection: &Selection) -> Result<Report, ControlError> {
        let this = this_worker();
        if let Some(&stage) = selection.stages.iter().find(|&&stage| stage != this.stage) {
            return Err(ControlError::NoSuchStage { stage, known: vec![this.stage] });
        }
        let mut parsed = control::configured()?.ok_or(Error::NotConfigured)?;
        asked::check_names(&selection.names)?;
        if !selection.names.is_empty() {
            parsed.config = parsed.config.stages(selection.names.clone());
        }
        let parsed = selection.wishes.lay_over(parsed).map_err(Error::from)?;
        let _held = logging::hold();
        let mut state = self.state();
        if let Status::Active(progress) = session::status() {
            return Err(ControlError::AlreadyActive { session: progress.session.to_string() });
        }
        let given = asked::reserve(&selection.wishes, &parsed)?;
        let handle = control::begin_as(parsed, given.map(Into::into))?;
        state.selection = selection.clone();
        state.sessions.push_back(handle.clone());
        if state.sessions.len() > REMEMBERED {
            state.sessions.pop_front();
        }
        let warnings = handle.start_warnings().to_vec();
        Ok(Report { warnings, ..report(&handle, WorkerStatus::new(this, WorkerState::Recording)) })
    }

    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError> {
        let held = logging::hold();
        let mut state = self.state();
        if !selection.is_everything()
            && !selection.is_same_part(&state.selection)
            && matches!(session::status(), Status::Active(_))
        {
            let (active, asked) = (state.selection.to_string(), selection.to_string());
            return Err(ControlError::OtherSelection { active, asked });
        }
        let stopped = session::stop()?;
        state.selection = Selection::default();
        if !state.sessions.iter().any(|handle| handle.session() == stopped.session()) {
            state.sessions.push_back(stopped.clone());
        }
        drop(state);
        drop(held);
        Ok(written(&stopped, stopped.wait_timeout(wait)))
    }

    fn status(&self) -> JobStatus {
        let mut line = WorkerStatus::new(this_worker(), WorkerState::Idle);
        let last = session::last();
        let session = match session::status() {
            Status::Idle => None,
            Status::Active(progress) => {
                line.state = WorkerState::Recording;
                line.recorded_iterations = progress.recorded_iterations;
                line.lost_ranges = progress.lost_ranges;
                Some(progress.session.to_string())
            }
            Status::Exporting { session } => {
                line.state = WorkerState::Writing;
                let own = last.as_ref().filter(|last| *last.session() == session);
                line.recorded_iterations = own.map_or(0, Stopped::recorded_iterations);
                Some(session.to_string())
            }
        };
        let last_session =
            last.filter(Stopped::is_written).map(|last| written(&last, last.wait_timeout(Duration::ZERO)));
        JobStatus { session, workers: vec![line], last_session }
    }

    fn session(&self, session: &str) -> Option<Report> {
        let handle = self.handle(session)?;
        if let Status::Active(progress) = session::status()
            && progress.session == *handle.session()
        {
            let mut line = WorkerStatus::new(this_worker(), WorkerState::Recording);
            line.recorded_iterations = progress.recorded_iterations;
            return Some(report(&handle, line));
        }
        Some(written(&handle, handle.wait_timeout(Duration::ZERO)))
    }

    fn folder(&self, session: &str) -> Option<PathBuf> {
        self.handle(session)?.folder().map(PathBuf::from)
    }
}

/// This process, as its launcher numbers it.
pub(super) fn this_worker() -> Worker {
    let (ranks, stage) = session::this_rank();
    Worker {
        name: worker_name(ranks.rank, std::env::var_os(NAME)),
        rank: ranks.rank,
        stage,
        pid: std::process::id(),
        host: session::host_name(),
    }
}

/// What a worker is called: `given` if that is a name, as long as one.
fn worker_name(rank: u32, given: Option<OsString>) -> String {
    let given = given.and_then(|given| given.into_string().ok());
    let is_name = |name: &String| (1..=MOST_NAME).contains(&name.len()) && !name.contains(text::acts);
    given.filter(is_name).unwrap_or_else(|| format!("diffusion_rank_{rank}"))
}

/// The report of a session that has ended.
pub(super) fn written(stopped: &Stopped, outcome: Option<Result<Manifest, Error>>) -> Report {
    let mut line = WorkerStatus::new(this_worker(), WorkerState::Writing);
    line.recorded_iterations = stopped.recorded_iterations();
    let line = match outcome {
        None => line,
        Some(Err(error)) => line.failed(error.to_string()),
        Some(Ok(manifest)) => {
            let artifacts = manifest.artifacts().iter().map(|artifact| WorkerArtifact {
                kind: artifact.kind.to_owned(),
                name: artifact.name.clone(),
                second_name: artifact.second_name.clone(),
                bytes: artifact.bytes,
            });
            let error = (!manifest.errors.is_empty()).then(|| manifest.errors.join("; "));
            let state = if error.is_some() { WorkerState::Failed } else { WorkerState::Written };
            let artifacts = artifacts.collect();
            let code = error.is_some().then_some(FailureCode::Artifacts);
            let requests = (manifest.requests.count() > 0).then_some(manifest.requests);
            WorkerStatus {
                state,
                error,
                code,
                artifacts,
                missing: manifest.missing,
                requests,
                lost_ranges: manifest.ranges_lost,
                ..line
            }
        }
    };
    report(stopped, line)
}

fn report(handle: &Stopped, line: WorkerStatus) -> Report {
    Report::new(handle.session().as_str(), handle.folder().map(PathBuf::from), vec![line])
}
