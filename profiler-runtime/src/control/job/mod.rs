//! One profiler over the processes of a job: who can be started and stopped, and what each of them
//! answers.
//!
//! ```text
//! HTTP, signals, the program itself ─► Controller ─┬─ Local: this process
//!                                                  └─ Coordinator ── socket ─► each worker process, which starts its own session
//! ```
//!
//! A worker opens and closes its own captures: a start in the parent process records nothing of its
//! children. Whoever asks sees one answer for the whole job, with a line for each worker, so that a
//! partial failure is never a success.
//!
//! The process that should be asked binds a [`Coordinator`]; a worker calls [`join`], or has
//! `PROFILER_COORDINATOR` in its environment and calls
//! [`profile_from_env`](crate::profile_from_env):
//!
//! TCP is not encrypted, and a worker shows its token to whoever listens at the address: use it in
//! networks that are trusted. A coordinator hears out 32 connections at a time that have not said
//! who they are: two seconds to the first byte, ten to the whole line; when all are taken, the
//! oldest of the host that has the most gives way. Workers that have joined do not count. Why
//! connections were refused is one line a minute in the log for each kind of reason.
//!
//! | variable | of a worker |
//! |---|---|
//! | `PROFILER_COORDINATOR` | `unix:/path` (the same host and user) or `tcp://host:port` |
//! | `PROFILER_COORDINATOR_TOKEN`, `PROFILER_COORDINATOR_TOKEN_FILE` | the token that TCP requires, or a file that holds it |
//! | `RANK`, `LOCAL_RANK`, `WORLD_SIZE` and other launchers' | its place in the job |
//! | `PROFILER_STAGE_ID` | number of its stage process; 0 if unset |
//! | `PROFILER_WORKER_NAME` | what reports call it; `diffusion_rank_{R}` if unset |

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

/// Sessions that can still be asked about. The number is the same for a coordinator and its
/// workers: neither has forgotten what the other asks for.
const REMEMBERED: usize = 64;

/// Adds a session, and may drop the oldest one for it.
fn remember<T>(sessions: &mut VecDeque<T>, session: T) {
    sessions.push_back(session);
    if sessions.len() > REMEMBERED {
        sessions.pop_front();
    }
}

/// The target of start, stop and status: this process ([`LocalController`]), or the workers of a
/// job.
///
/// Every call returns within a limit of its own, however many workers hang. Safe to share between
/// threads: calls are put in order by the implementation, and a wrong order is a [`ControlError`].
pub trait Controller: Send + Sync {
    /// Starts a session on the selected workers; returns when each of them records, or has said why
    /// it does not.
    ///
    /// # Errors
    ///
    /// Returns an error only if no worker could be asked: wrong state, nobody selected, no
    /// configuration. Answers of single workers are in the report.
    fn start(&self, selection: &Selection) -> Result<Report, ControlError>;

    /// Stops what [`start`](Self::start) has started: the same selection, or an empty one for
    /// "whatever runs". Waits at most `wait` until the artifacts are on disk; with zero it returns
    /// when recording has ended.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start`](Self::start).
    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError>;

    /// Returns what every worker is doing.
    fn status(&self) -> JobStatus;

    /// Returns the last known report about a session that this controller has started; `None` for
    /// any other name.
    fn session(&self, session: &str) -> Option<Report>;

    /// Returns the folder of such a session's artifacts, if it is on this machine.
    fn folder(&self, session: &str) -> Option<PathBuf>;
}
