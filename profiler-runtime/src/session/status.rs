//! What the profiler is doing.

use super::schedule::Phase;
use crate::session_id::SessionId;

/// What the profiler is doing at the moment of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Nothing.
    Idle,
    /// A session is active.
    Active(Progress),
    /// No session is active; the artifacts of one that has ended are being written.
    Exporting {
        /// The one that ended last.
        session: SessionId,
    },
}

/// How far an active session has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The session.
    pub session: SessionId,
    /// What it does with the iterations that run now.
    pub phase: Phase,
    /// Iterations of the driving loop that have been recorded.
    pub recorded_iterations: u64,
    /// Memory that recordings take, in bytes: this one and those still being written.
    pub buffered_bytes: usize,
    /// Ranges for which there was no room so far.
    pub lost_ranges: u64,
}
