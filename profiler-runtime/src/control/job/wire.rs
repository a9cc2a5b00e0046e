//! The messages of a worker and its coordinator: one JSON object a line.
//!
//! ```text
//! worker ─ hello ────────► coordinator      who it is, and the token
//!        ◄─ welcome ──────                  or `refused`, with the reason
//!        ◄─ {id, request} ─                 start, stop, status, flush
//!        ── {id, state, …} ►                one answer for each request, in any order
//! ```
//!
//! A request that a worker does not understand is answered with [`FailureCode::BadRequest`]. An
//! answer with the id 0 was not asked for: a worker that leaves says what became of its session.
//! Nothing here panics, whatever the bytes.

use std::io::Write;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::link::Stream;
use super::report::{FailureCode, Worker, WorkerArtifact, WorkerState, WorkerStatus};
use crate::config::Aliases;
use crate::control::token::Token;
use profiler_trace::export::{MissingArtifact, RequestTimes};

/// Version of the protocol: rises when one side would misunderstand the other.
pub(super) const PROTOCOL: u32 = 1;
/// Longest first line, in bytes: its sender may be anyone.
pub(super) const MOST_HELLO: usize = 4 << 10;
/// Longest line after that.
pub(super) const MOST_LINE: usize = 1 << 20;
/// Id of an answer that was not asked for.
pub(super) const UNASKED: u64 = 0;

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

/// The coordinator's reply to it.
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
    /// Record, under this name and with this configuration; the user has other names for some of
    /// its places.
    Start {
        session: String,
        config: Value,
        #[serde(default)]
        places: Aliases,
    },
    /// Seal the session and say so; its artifacts are still being written.
    Stop { session: String },
    /// Say what you do: about this session, if you know it.
    Status { session: Option<String> },
    /// Answer when the session's artifacts are on disk.
    Flush { session: String },
}

/// A line from a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) id: u64,
    /// Session that it is about.
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

/// An error with a name that programs understand and a sentence for people.
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

    /// Creates the answer that reports a session as this process would.
    pub(super) fn of(id: u64, session: Option<String>, status: WorkerStatus) -> Self {
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

/// Encodes a message as a line with its end; returns the reason if it would be longer than the
/// other side reads.
pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    if line.len() > MOST_LINE {
        return Err(format!("the message has {} bytes, more than the {MOST_LINE} of the longest line", line.len()));
    }
    line.push(b'\n');
    Ok(line)
}

/// Sends a message as a line.
///
/// # Errors
///
/// Fails if it is too long, or if the connection is at its end.
pub(super) fn send(stream: &Stream, message: &impl Serialize) -> Result<(), String> {
    let line = encode(message)?;
    (&mut &*stream).write_all(&line).map_err(|error| error.to_string())
}

/// Decodes a line, or returns what is wrong with it.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| format!("the line is not understood: {error}"))
}

/// Returns the id of a line that cannot be decoded otherwise.
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
