//! Writes `job.json` into the session's folder: what the coordinator knows about every worker.
//!
//! A rank's manifest lists what that rank has written. Only the coordinator knows which workers
//! were selected and did not answer, so this file tells a complete folder from one with a missing
//! rank.

use serde::Serialize;

use super::frontend;
use super::job_session::JobSession;
use crate::control::job::report::{Frontend, WorkerState, WorkerStatus};
use crate::logging;
use profiler_trace::export::{self, RequestTimes};

/// Name of the file.
const FILE: &str = "job.json";

#[derive(Serialize)]
struct Job<'a> {
    session: &'a str,
    /// State of the session: `recording` or `stopped`.
    state: &'static str,
    /// True if every worker did what was requested.
    is_complete: bool,
    /// Stage processes that were selected; empty for all.
    stages: &'a [u32],
    /// Ranges that were selected by name; empty for the configuration's.
    names: &'a [String],
    /// Ranks with a failure.
    failed_ranks: Vec<u32>,
    /// Requests of all workers. A request that several workers have served counts for each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<RequestTimes>,
    workers: Vec<&'a WorkerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frontend: Option<Frontend>,
}

/// Writes the file. Logs a failure, because the ranks' own artifacts matter more than this file.
pub(super) fn write(session: &JobSession) {
    let Some(folder) = &session.folder else { return };
    let workers: Vec<_> = session.rows.values().map(|row| &row.status).collect();
    let failed = |status: &&&WorkerStatus| WorkerState::is_failure(status.state);
    let failed_ranks: Vec<u32> = workers.iter().filter(failed).map(|status| status.worker.rank).collect();
    let job = Job {
        session: &session.name,
        state: if session.is_stopped { "stopped" } else { "recording" },
        is_complete: failed_ranks.is_empty(),
        stages: &session.selection.stages,
        names: &session.selection.names,
        failed_ranks,
        requests: RequestTimes::merged(workers.iter().filter_map(|status| status.requests.as_ref())),
        workers,
        frontend: session.frontend.as_ref().map(frontend::report),
    };
    let path = folder.join(FILE);
    if let Err(error) = export::write_report(&path, "job", &job) {
        logging::error!("cannot write `{}`: {error}", path.display());
    }
}
