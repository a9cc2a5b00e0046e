//! What a worker does when its coordinator asks for something: the sessions of this process, under the names that the
//! coordinator gives.
//!
//! Everything from the wire is checked here before it means anything: a session's name has to be a plain name, the
//! configuration goes through the same reader as any other. Knows nothing of sockets.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::REMEMBERED;
use super::local::written;
use super::report::{FailureCode, WorkerState};
use super::wire::{Answer, Failure, Request, UNASKED};
use crate::config::{Places, ProfilerConfig};
use crate::control;
use crate::error::Error;
use crate::session::{self, Progress, SessionId, Status, Stopped};
use profiler_trace::export::Manifest;

/// What a request leads to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The answer.
    Now(Answer),
    /// An answer that comes when this session's artifacts are on disk.
    WhenWritten(Stopped),
}

/// The sessions that a coordinator has started here, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    started: VecDeque<Started>,
    /// Nothing is started any more.
    is_closed: bool,
}

#[derive(Debug)]
struct Started {
    handle: Stopped,
    /// The coordinator knows what became of its artifacts.
    is_told: bool,
}

impl Sessions {
    /// Does what is asked.
    pub(super) fn obey(&mut self, id: u64, request: Request) -> Outcome {
        match request {
            Request::Start { session, config, places } => Outcome::Now(self.start(id, session, &config, places)),
            Request::Stop { session } => Outcome::Now(self.stop(id, session)),
            Request::Status { session } => Outcome::Now(self.status(id, session.as_deref())),
            Request::Flush { session } => match self.handle(&session) {
                Some(handle) if active(&session).is_none() => Outcome::WhenWritten(handle),
                Some(_) => Outcome::Now(Answer::new(id, Some(session), WorkerState::Recording)),
                None => Outcome::Now(unknown(id, session)),
            },
        }
    }

    fn start(&mut self, id: u64, session: String, config: &Value, places: Places) -> Answer {
        if active(&session).is_some() {
            return Answer::new(id, Some(session), WorkerState::Recording);
        }
        match self.try_start(&session, config, places) {
            Ok(warnings) => Answer { warnings, ..Answer::new(id, Some(session), WorkerState::Recording) },
            Err(failure) => Answer::failed(id, Some(session), failure),
        }
    }

    /// Starts a session; returns what its user should know.
    fn try_start(&mut self, session: &str, config: &Value, places: Places) -> Result<Vec<String>, Failure> {
        let bad = |message: &str| Failure::new(FailureCode::BadRequest, message);
        if self.is_closed {
            return Err(bad("the worker is leaving"));
        }
        let name = SessionId::given(session)
            .ok_or_else(|| bad(&format!("the session's name {session:?} is no plain file name")))?;
        let mut parsed = ProfilerConfig::from_json(&config.to_string()).map_err(|error| as_failure(&error.into()))?;
        let found = std::mem::take(&mut parsed.warnings);
        parsed.warnings = found.into_iter().map(|warning| warning.in_words_of(&places)).collect();
        parsed.places = places;
        let handle = control::begin_as(parsed, Some(name.into())).map_err(|error| as_failure(&error))?;
        let warnings = handle.start_warnings().to_vec();
        self.started.push_back(Started { handle, is_told: false });
        if self.started.len() > REMEMBERED {
            self.started.pop_front();
        }
        Ok(warnings)
    }

    fn stop(&self, id: u64, session: String) -> Answer {
        let Some(handle) = self.handle(&session) else { return unknown(id, session) };
        session::stop_this(handle.session());
        about(id, &handle)
    }

    fn status(&self, id: u64, asked: Option<&str>) -> Answer {
        match session::status() {
            Status::Active(progress) => Answer {
                recorded_iterations: progress.recorded_iterations,
                lost_ranges: progress.lost_ranges,
                ..Answer::new(id, Some(progress.session.to_string()), WorkerState::Recording)
            },
            other => match (asked.and_then(|session| self.handle(session)), other) {
                (Some(handle), _) => about(id, &handle),
                (None, Status::Exporting { session }) => {
                    Answer::new(id, Some(session.to_string()), WorkerState::Writing)
                }
                (None, _) => Answer::new(id, None, WorkerState::Idle),
            },
        }
    }

    /// Ends what a coordinator has started and is still active; its artifacts are written in the background.
    pub(super) fn end(&self) -> Option<SessionId> {
        let mut sessions = self.started.iter().map(|started| started.handle.session());
        let session = sessions.find(|session| active(session.as_str()).is_some())?;
        session::stop_this(session);
        Some(session.clone())
    }

    /// The coordinator has been told this.
    pub(super) fn told(&mut self, answer: &Answer) {
        let is_end = matches!(answer.state, WorkerState::Written | WorkerState::Failed);
        for started in self.started.iter_mut().filter(|_| is_end) {
            started.is_told |= answer.session.as_deref() == Some(started.handle.session().as_str());
        }
    }

    /// Starts nothing any more, ends what is active, waits for every artifact, and says what became of those that the
    /// coordinator does not know of.
    pub(super) fn close(&mut self) -> Vec<Answer> {
        self.is_closed = true;
        self.end();
        let last_words = |started: &Started| {
            let outcome = started.handle.wait();
            (!started.is_told).then(|| settled(UNASKED, &started.handle, outcome))
        };
        self.started.iter().filter_map(last_words).collect()
    }

    fn handle(&self, session: &str) -> Option<Stopped> {
        let mut handles = self.started.iter().map(|started| &started.handle);
        handles.find(|handle| handle.session().as_str() == session).cloned()
    }
}

/// How far this session has come, if it is active.
fn active(session: &str) -> Option<Progress> {
    match session::status() {
        Status::Active(progress) if progress.session.as_str() == session => Some(progress),
        _ => None,
    }
}

/// What became of a session that has ended.
pub(super) fn about(id: u64, handle: &Stopped) -> Answer {
    match handle.wait_timeout(Duration::ZERO) {
        None => Answer {
            recorded_iterations: handle.recorded_iterations(),
            ..Answer::new(id, Some(handle.session().to_string()), WorkerState::Writing)
        },
        Some(outcome) => settled(id, handle, outcome),
    }
}

/// What came of its artifacts.
pub(super) fn settled(id: u64, handle: &Stopped, outcome: Result<Manifest, Error>) -> Answer {
    let mut report = written(handle, Some(outcome));
    let session = Some(handle.session().to_string());
    let Some(line) = report.workers.pop() else { return Answer::new(id, session, WorkerState::Written) };
    let failure = line.error.map(|message| Failure::new(FailureCode::Artifacts, message));
    Answer {
        failure,
        artifacts: line.artifacts,
        missing: line.missing,
        recorded_iterations: line.recorded_iterations,
        requests: line.requests.map(Box::new),
        lost_ranges: line.lost_ranges,
        ..Answer::new(id, session, line.state)
    }
}

fn unknown(id: u64, session: String) -> Answer {
    let message = format!("the session `{session}` was not started here, or is too long ago");
    Answer::failed(id, Some(session), Failure::new(FailureCode::NotActive, message))
}

fn as_failure(error: &Error) -> Failure {
    Failure::new(FailureCode::of(error), error.to_string())
}
