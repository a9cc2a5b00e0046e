//! The state of the profiler, as `status()` returns it.

use super::schedule::Phase;
use crate::session_id::SessionId;

/// The state of the profiler.
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
    /// Treatment of the current iterations.
    pub phase: Phase,
    /// Number of iterations of the driving loop that have been recorded.
    pub recorded_iterations: u64,
    /// Memory of this recording and of those still being written, in bytes.
    pub buffered_bytes: usize,
    /// Number of ranges lost so far because buffers were full.
    pub lost_ranges: u64,
}
