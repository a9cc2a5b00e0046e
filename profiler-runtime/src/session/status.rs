//! The state of the profiler.

use super::schedule::Phase;
use crate::session_id::SessionId;

/// The state of the profiler at the moment of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No session is active, and none is being written.
    Idle,
    /// A session is active.
    Active(Progress),
    /// No session is active; the artifacts of one that has ended are being written.
    Exporting {
        /// Session that ended last.
        session: SessionId,
    },
}

/// The progress of an active session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Id of the session.
    pub session: SessionId,
    /// Use of the iterations that run now.
    pub phase: Phase,
    /// Number of iterations of the driving loop that have been recorded.
    pub recorded_iterations: u64,
    /// Memory that recordings take, in bytes: this one and those still being written.
    pub buffered_bytes: usize,
    /// Number of ranges for which there was no room so far.
    pub lost_ranges: u64,
}
