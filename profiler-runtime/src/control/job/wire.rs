//! The messages of a worker and its coordinator: one JSON object per line.
//!
//! ```text
//! worker ─ hello ────────► coordinator      identity and token
//!        ◄─ welcome ──────                  or `refused`, with the reason
//!        ◄─ {id, request} ─                 start, stop, status, flush
//!        ── {id, state, …} ►                one answer for each request, in any order
//! ```
//!
//! A worker answers a request that it cannot parse with [`FailureCode::BadRequest`]. An answer with
//! the id 0 is unsolicited: a worker that leaves reports the outcome of its session. Nothing here
//! panics, whatever the input.

use std::io::Write;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::link::Stream;
use super::report::{FailureCode, Worker, WorkerArtifact, WorkerState, WorkerStatus};
use crate::config::Aliases;
use crate::control::token::Token;
use profiler_trace::export::{MissingArtifact, RequestTimes};

/// Version of the protocol, raised when one side would misunderstand the other.
pub(super) const PROTOCOL: u32 = 1;
/// Maximum length of the first line in bytes, whose sender is not authenticated.
pub(super) const MAX_HELLO: usize = 4 << 10;
/// Maximum length of further lines in bytes.
pub(super) const MAX_LINE: usize = 1 << 20;
/// Id of an unsolicited answer.
pub(super) const UNSOLICITED: u64 = 0;

/// A worker's first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    #[serde(flatten)]
    pub(super) worker: Worker,
    pub(super) local_rank: u32,
    #[serde(default)]
    pub(super) token: Option<Token>,
}

/// The coordinator's reply to a [`Hello`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Greeting {
    Welcome { protocol: u32 },
    Refused { reason: String },
}

/// A line from the coordinator.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) request: Request,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(super) enum Request {
    /// Record under this name and with this configuration. `places` are the user's names for
    /// fields.
    Start {
        session: String,
        config: Value,
        #[serde(default)]
        places: Aliases,
    },
    /// Seal the session; its artifacts are still being written when the worker answers.
    Stop { session: String },
    /// Report the status, of this session if the worker knows it.
    Status { session: Option<String> },
    /// Answer when the session's artifacts are on disk.
    Flush { session: String },
}

/// A line from a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) id: u64,
    /// Session that the answer refers to.
    pub(super) session: Option<String>,
    pub(super) state: WorkerState,
    #[serde(default)]
    pub(super) failure: Option<Failure>,
    #[serde(default)]
    pub(super) artifacts: Vec<WorkerArtifact>,
    #[serde(default)]
    pub(super) missing: Vec<MissingArtifact>,
    #[serde(default)]
    pub(super) recorded_iterations: u64,
    #[serde(default)]
    pub(super) requests: Option<Box<RequestTimes>>,
    #[serde(default)]
    pub(super) lost_ranges: u64,
    /// Warnings of a start.
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

/// An error with a code for programs and a sentence for users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) code: FailureCode,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Answer {
    pub(super) fn new(id: u64, session: Option<String>, state: WorkerState) -> Self {
        Self {
            id,
            session,
            state,
            failure: None,
            artifacts: Vec::new(),
            missing: Vec::new(),
            recorded_iterations: 0,
            requests: None,
            lost_ranges: 0,
            warnings: Vec::new(),
        }
    }

    /// Creates an answer from the status of a session.
    pub(super) fn from_status(id: u64, session: Option<String>, status: WorkerStatus) -> Self {
        let code = status.code.unwrap_or(FailureCode::Artifacts);
        Self {
            failure: status.error.map(|message| Failure::new(code, message)),
            artifacts: status.artifacts,
            missing: status.missing,
            recorded_iterations: status.recorded_iterations,
            requests: status.requests.map(Box::new),
            lost_ranges: status.lost_ranges,
            ..Self::new(id, session, status.state)
        }
    }

    pub(super) fn failed(id: u64, session: Option<String>, failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::new(id, session, WorkerState::Failed) }
    }
}

/// Encodes a message as a line; returns an error if the other side would not read a line that long.
pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    if line.len() > MAX_LINE {
        return Err(format!("the message has {} bytes, more than the {MAX_LINE} of the longest line", line.len()));
    }
    line.push(b'\n');
    Ok(line)
}

/// Sends a message as a line.
///
/// # Errors
///
/// Returns an error if the message is too long or the connection has ended.
pub(super) fn send(stream: &Stream, message: &impl Serialize) -> Result<(), String> {
    let line = encode(message)?;
    (&mut &*stream).write_all(&line).map_err(|error| error.to_string())
}

/// Decodes a line; returns the problem if that fails.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| format!("the line is not understood: {error}"))
}

/// Returns the id of a line that cannot be decoded as a message.
pub(super) fn id_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    decode::<Numbered>(line).ok().map(|numbered| numbered.id)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
