//! Handles a coordinator's requests in a worker: starts and stops sessions of this process under
//! the coordinator's names.
//!
//! All input from the wire is checked here: a session's name must be a plain name, and the
//! configuration goes through the same reader as any other. Nothing here knows sockets.

use std::collections::VecDeque;

use serde_json::Value;

use super::local::{outcome_status, session_status, this_status};
use super::remember;
use super::report::{FailureCode, WorkerState};
use super::selection::with_aliases;
use super::wire::{Answer, Failure, Request, UNSOLICITED};
use crate::config::{Aliases, ProfilerConfig};
use crate::control;
use crate::error::Error;
use crate::session::{self, ExportHandle, SessionId, Status};

/// The outcome of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An immediate answer.
    Now(Answer),
    /// An answer that is due when this session's artifacts are on disk.
    WhenWritten(ExportHandle),
}

/// The sessions that a coordinator has started here, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    started: VecDeque<Started>,
    /// True if further starts are refused.
    is_closed: bool,
}

#[derive(Debug)]
struct Started {
    handle: ExportHandle,
    /// True if the coordinator has received the outcome of its artifacts.
    is_delivered: bool,
}

impl Sessions {
    /// Handles a request.
    pub(super) fn handle(&mut self, id: u64, request: Request) -> Outcome {
        match request {
            Request::Start { session, config, places } => Outcome::Now(self.start(id, session, &config, places)),
            Request::Stop { session } => Outcome::Now(self.stop(id, session)),
            Request::Status { session } => Outcome::Now(self.status(id, session.as_deref())),
            Request::Flush { session } => match self.find(&session) {
                Some(handle) if !is_active(&session) => Outcome::WhenWritten(handle),
                Some(_) => Outcome::Now(Answer::new(id, Some(session), WorkerState::Recording)),
                None => Outcome::Now(unknown(id, session)),
            },
        }
    }

    fn start(&mut self, id: u64, session: String, config: &Value, places: Aliases) -> Answer {
        if is_active(&session) {
            return Answer::new(id, Some(session), WorkerState::Recording);
        }
        match self.try_start(&session, config, places) {
            Ok(warnings) => Answer { warnings, ..Answer::new(id, Some(session), WorkerState::Recording) },
            Err(failure) => Answer::failed(id, Some(session), failure),
        }
    }

    /// Starts a session; returns its warnings.
    fn try_start(&mut self, session: &str, config: &Value, places: Aliases) -> Result<Vec<String>, Failure> {
        let bad = |message: &str| Failure::new(FailureCode::BadRequest, message);
        if self.is_closed {
            return Err(bad("the worker is leaving"));
        }
        let name = SessionId::parse(session)
            .ok_or_else(|| bad(&format!("the session's name {session:?} is no plain file name")))?;
        let parsed = ProfilerConfig::from_json(&config.to_string()).map_err(|error| as_failure(&error.into()))?;
        let handle =
            control::begin_as(with_aliases(parsed, places), Some(name.into())).map_err(|error| as_failure(&error))?;
        let warnings = handle.start_warnings().to_vec();
        remember(&mut self.started, Started { handle, is_delivered: false });
        Ok(warnings)
    }

    fn stop(&self, id: u64, session: String) -> Answer {
        let Some(handle) = self.find(&session) else { return unknown(id, session) };
        session::stop_this(handle.session());
        about(id, &handle)
    }

    fn status(&self, id: u64, requested: Option<&str>) -> Answer {
        let (session, line) = this_status();
        match requested.and_then(|session| self.find(session)) {
            Some(handle) if line.state != WorkerState::Recording => about(id, &handle),
            _ => Answer::from_status(id, session, line),
        }
    }

    /// Stops the active session if a coordinator has started it. Its artifacts are written in the
    /// background.
    pub(super) fn end(&self) -> Option<SessionId> {
        let mut sessions = self.started.iter().map(|started| started.handle.session());
        let session = sessions.find(|session| is_active(session.as_str()))?;
        session::stop_this(session);
        Some(session.clone())
    }

    /// Records that the coordinator has received this answer.
    pub(super) fn mark_delivered(&mut self, answer: &Answer) {
        let is_end = matches!(answer.state, WorkerState::Written | WorkerState::Failed);
        for started in self.started.iter_mut().filter(|_| is_end) {
            started.is_delivered |= answer.session.as_deref() == Some(started.handle.session().as_str());
        }
    }

    /// Refuses further starts, stops the active session and waits for all artifacts; returns the
    /// outcomes that the coordinator has not received.
    pub(super) fn close(&mut self) -> Vec<Answer> {
        self.is_closed = true;
        self.end();
        let last_answer = |started: &Started| {
            let answer = written(UNSOLICITED, &started.handle);
            (!started.is_delivered).then_some(answer)
        };
        self.started.iter().filter_map(last_answer).collect()
    }

    fn find(&self, session: &str) -> Option<ExportHandle> {
        let mut handles = self.started.iter().map(|started| &started.handle);
        handles.find(|handle| handle.session().as_str() == session).cloned()
    }
}

/// Returns whether this session is active.
fn is_active(session: &str) -> bool {
    matches!(session::status(), Status::Active(progress) if progress.session.as_str() == session)
}

/// Returns an answer with the state of a session.
fn about(id: u64, handle: &ExportHandle) -> Answer {
    Answer::from_status(id, Some(handle.session().to_string()), session_status(handle))
}

/// Waits for the artifacts of a session and returns an answer with their outcome.
pub(super) fn written(id: u64, handle: &ExportHandle) -> Answer {
    Answer::from_status(id, Some(handle.session().to_string()), outcome_status(handle, Some(handle.wait())))
}

fn unknown(id: u64, session: String) -> Answer {
    let message = format!("the session `{session}` was not started here, or is too long ago");
    Answer::failed(id, Some(session), Failure::new(FailureCode::NotActive, message))
}

fn as_failure(error: &Error) -> Failure {
    Failure::new(FailureCode::from_error(error), error.to_string())
}
