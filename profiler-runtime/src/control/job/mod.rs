//! One profiler for the processes of a job: which of them can be started and stopped, and their
//! answers.
//!
//! ```text
//! HTTP, signals, the program itself ─► Controller ─┬─ Local: this process
//!                                                  └─ Coordinator ── socket ─► each worker process, which starts its own session
//! ```
//!
//! A worker starts and stops its own recording: a start in the parent process records nothing of
//! its children. A caller gets one report for the whole job, with a status for each worker, so that
//! a partial failure never looks like a success.
//!
//! The process that controls the job binds a [`Coordinator`]. A worker calls [`join`], or calls
//! [`profile_from_env`](crate::profile_from_env) with `PROFILER_COORDINATOR` in its environment:
//!
//!
//! | variable | value for a worker |
//! |---|---|
//! | `PROFILER_COORDINATOR` | `unix:/path` (the same host and user) or `tcp://host:port` |
//! | `PROFILER_COORDINATOR_TOKEN`, `PROFILER_COORDINATOR_TOKEN_FILE` | the token that TCP requires, or a file that contains it |
//! | `RANK`, `LOCAL_RANK`, `WORLD_SIZE` and other launchers' | its rank in the job |
//! | `PROFILER_STAGE_ID` | number of its stage process; 0 if unset |
//! | `PROFILER_WORKER_NAME` | its name in reports; `diffusion_rank_{R}` if unset |
//!
//! TCP is not encrypted, and a worker presents its token to any process that listens at the
//! address: use TCP in trusted networks only. A coordinator serves 32 unauthenticated connections
//! at a time and waits two seconds for the first byte of each, ten for the whole line. If all 32
//! are in use, the oldest connection of the host with the most connections is closed. Workers that
//! have joined do not count. Failed connections are one line a minute in the log for each kind of
//! reason.
mod address;
mod coordinator;
mod framing;
mod handler;
mod link;
mod local;
mod report;
mod selection;
#[cfg(unix)]
mod unix;
mod wire;
mod worker;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

pub use address::{Address, LinkError};
pub use coordinator::{Coordinator, CoordinatorOptions};
pub use local::{LocalController, controller, set_controller};
pub use profiler_trace::export::RequestTimes;
pub use report::{
    ControlError, FailureCode, Frontend, JobStatus, Report, Worker, WorkerArtifact, WorkerState, WorkerStatus,
};
pub use selection::{Selection, SessionWishes};
pub(super) use worker::{COORDINATOR, join_from_env};
pub use worker::{WorkerHandle, join};

/// Number of sessions that can still be queried. Coordinators and workers use the same number, so
/// that neither asks for a session that the other has dropped.
const MAX_SESSIONS: usize = 64;

/// Adds a session and drops the oldest one if there are too many.
fn remember<T>(sessions: &mut VecDeque<T>, session: T) {
    sessions.push_back(session);
    if sessions.len() > MAX_SESSIONS {
        sessions.pop_front();
    }
}

/// The target of start, stop and status: this process ([`LocalController`]), or the workers of a
/// job.
///
/// Every call has a timeout, however many workers hang. Safe to share between threads: the
/// implementation serializes calls, and a call in the wrong state returns a [`ControlError`].
pub trait Controller: Send + Sync {
    /// Starts a session on the selected workers; returns once each of them records or has reported
    /// why it does not.
    ///
    /// # Errors
    ///
    /// Returns an error only if no worker could be asked: wrong state, no worker selected, no
    /// configuration. The report contains the answers of the workers.
    fn start(&self, selection: &Selection) -> Result<Report, ControlError>;

    /// Stops what [`start`](Self::start) has started: the same selection, or an empty one for any
    /// active session. Waits at most `wait` for the artifacts; with zero, returns once recording
    /// has ended.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start`](Self::start).
    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError>;

    /// Returns the status of every worker.
    fn status(&self) -> JobStatus;

    /// Returns the current report of a session that this controller has started; `None` for any
    /// other name.
    fn session(&self, session: &str) -> Option<Report>;

    /// Returns the folder of the session's artifacts, if it is on this machine.
    fn folder(&self, session: &str) -> Option<PathBuf>;
}
