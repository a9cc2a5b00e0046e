//! `job.json` in the session's folder: the coordinator's knowledge about every worker.
//!
//! Each rank's manifest says what that rank has written. Only the coordinator knows which worker
//! was asked and did not answer, so this file distinguishes a folder with a rank missing from a
//! complete one.

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
    /// True if every worker did as asked.
    is_complete: bool,
    /// Stage processes that were selected; empty for all.
    stages: &'a [u32],
    /// Ranges that were selected by name; empty for the configuration's.
    names: &'a [String],
    /// Ranks with a failure.
    failed_ranks: Vec<u32>,
    /// Requests of all workers together: one that several have served counts for each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<RequestTimes>,
    workers: Vec<&'a WorkerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frontend: Option<Frontend>,
}

/// Writes the file; a failure is logged, because the ranks' own artifacts are worth more than this.
pub(super) fn write(of: &JobSession) {
    let Some(folder) = &of.folder else { return };
    let workers: Vec<_> = of.rows.values().map(|row| &row.status).collect();
    let failed = |status: &&&WorkerStatus| WorkerState::is_failure(status.state);
    let failed_ranks: Vec<u32> = workers.iter().filter(failed).map(|status| status.worker.rank).collect();
    let job = Job {
        session: &of.name,
        state: if of.is_stopped { "stopped" } else { "recording" },
        is_complete: failed_ranks.is_empty(),
        stages: &of.selection.stages,
        names: &of.selection.names,
        failed_ranks,
        requests: RequestTimes::merged(workers.iter().filter_map(|status| status.requests.as_ref())),
        workers,
        frontend: of.frontend.as_ref().map(frontend::line),
    };
    let path = folder.join(FILE);
    if let Err(error) = export::write_report(&path, "job", &job) {
        logging::error!("cannot write `{}`: {error}", path.display());
    }
}
