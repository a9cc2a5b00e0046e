//! The state of one session of a job: a row for each worker that was asked.
//!
//! Pure. An answer changes the row of its worker whenever it comes; a caller that waits only waits
//! until no row [awaits](WorkerRow::awaits) one any more, or a time limit has made it silent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::frontend::{self, Part};
use crate::control::job::Selection;
use crate::control::job::report::{Report, Worker, WorkerState, WorkerStatus};
use crate::control::job::wire::Answer;

/// A session that the coordinator has started.
#[derive(Clone, Debug)]
pub(super) struct JobSession {
    pub(super) name: String,
    pub(super) folder: Option<PathBuf>,
    pub(super) selection: Selection,
    /// Configuration that the workers record with.
    pub(super) config: Value,
    /// True if it was stopped, or given up.
    pub(super) is_stopped: bool,
    /// Rows by rank.
    pub(super) rows: BTreeMap<u32, WorkerRow>,
    /// Part of the coordinator's own process.
    pub(super) frontend: Option<Part>,
}

/// The part of one worker in it.
#[derive(Clone, Debug)]
pub(super) struct WorkerRow {
    pub(super) status: WorkerStatus,
    pub(super) awaits: Option<Awaited>,
    /// True if it was told to start.
    was_asked: bool,
    /// Reason why its recording is cut short, if it is.
    cut: Option<String>,
    /// Warnings of its start.
    warnings: Vec<String>,
}

/// An answer that has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// An answer to a start or stop with this id.
    Order(u64),
    /// An answer to a flush with this id.
    Flush(u64),
}

impl WorkerRow {
    /// Creates the row of a worker that was not asked, or could not be.
    pub(super) fn new(worker: Worker) -> Self {
        let status = WorkerStatus::new(worker, WorkerState::Idle);
        Self { status, awaits: None, was_asked: false, cut: None, warnings: Vec::new() }
    }

    /// Notes that the worker was asked for something, or why it could not be.
    pub(super) fn ask(&mut self, awaited: Awaited, sent: Result<(), String>, unsent: WorkerState) {
        match sent {
            Ok(()) => (self.awaits, self.was_asked) = (Some(awaited), true),
            Err(why) => self.fail(unsent, why),
        }
    }

    /// Returns whether the answer to a start or stop has not come.
    pub(super) const fn awaits_order(&self) -> bool {
        matches!(self.awaits, Some(Awaited::Order(_)))
    }

    /// Sets another state, and the reason.
    pub(super) fn fail(&mut self, state: WorkerState, why: impl Into<String>) {
        self.awaits = None;
        self.status = self.status.clone().with(state, why);
    }

    /// Returns whether there may be something to stop or to write.
    pub(super) fn may_run(&self) -> bool {
        self.awaits.is_some() || self.was_asked && self.status.state != WorkerState::Failed
    }

    /// Notes that the connection is gone.
    pub(super) fn lose(&mut self, why: &str) {
        let was = match self.status.state {
            // A worker that leaves sends this instead of the awaited answer.
            WorkerState::Written | WorkerState::Failed => {
                self.awaits = None;
                return;
            }
            _ if self.awaits_order() => "before it answered",
            WorkerState::Recording => "while it recorded",
            WorkerState::Writing => "before it said that its artifacts are written",
            WorkerState::Silent => "after it had stopped answering",
            _ => return,
        };
        let reason = format!("the process or the connection to it has ended {was}: {why}");
        self.cut = Some(reason.clone());
        self.fail(WorkerState::Lost, reason);
    }

    /// Records an answer of the worker.
    pub(super) fn on_answer(&mut self, answer: &Answer) {
        if let Some(Awaited::Order(id) | Awaited::Flush(id)) = self.awaits
            && id == answer.id
        {
            self.awaits = None;
        }
        let status = &mut self.status;
        status.state = answer.state;
        status.error = answer.failure.as_ref().map(|failure| failure.message.clone()).or_else(|| self.cut.clone());
        status.code = answer.failure.as_ref().map(|failure| failure.code);
        status.artifacts.clone_from(&answer.artifacts);
        status.missing.clone_from(&answer.missing);
        status.recorded_iterations = status.recorded_iterations.max(answer.recorded_iterations);
        status.requests = answer.requests.as_deref().cloned();
        status.lost_ranges = answer.lost_ranges;
        self.warnings.extend_from_slice(&answer.warnings);
    }
}

impl JobSession {
    /// Returns the last known report.
    pub(super) fn report(&self) -> Report {
        let workers = self.rows.values().map(|row| row.status.clone()).collect();
        let frontend = self.frontend.as_ref().map(frontend::line);
        Report { frontend, ..Report::new(self.name.clone(), self.folder.clone(), workers) }
    }

    /// Returns the report of its start, with the warnings: the coordinator's, then the workers',
    /// each sentence once.
    pub(super) fn start_report(&self, told: Vec<String>) -> Report {
        let mut warnings = told;
        for warning in self.rows.values().flat_map(|row| &row.warnings) {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        Report { warnings, ..self.report() }
    }

    /// Returns whether every worker has written its artifacts, or never will.
    pub(super) fn is_written(&self) -> bool {
        let writes = |row: &WorkerRow| row.status.state == WorkerState::Writing;
        self.is_over() && !self.awaits_artifacts() && !self.rows.values().any(writes)
    }

    /// Returns whether an answer to a start or stop is still awaited.
    pub(super) fn awaits_orders(&self) -> bool {
        self.rows.values().any(WorkerRow::awaits_order)
    }

    /// Returns whether artifacts are still awaited.
    pub(super) fn awaits_artifacts(&self) -> bool {
        self.rows.values().any(|row| matches!(row.awaits, Some(Awaited::Flush(_))))
    }

    /// Returns whether it is stopped and no answer about it is awaited any more.
    pub(super) fn is_settled(&self) -> bool {
        self.is_stopped && self.rows.values().all(|row| row.awaits.is_none())
    }

    /// Returns whether no worker has begun to record, and none will.
    pub(super) fn never_began(&self) -> bool {
        use WorkerState::{Failed, Idle, Lost};
        let failed = |row: &WorkerRow| row.awaits.is_none() && matches!(row.status.state, Failed | Idle | Lost);
        let failed = |row: &WorkerRow| !row.was_asked || failed(row);
        self.rows.values().all(failed)
    }

    /// Returns whether no worker can be recording any more.
    pub(super) fn is_over(&self) -> bool {
        let runs =
            |row: &WorkerRow| row.was_asked && matches!(row.status.state, WorkerState::Recording | WorkerState::Silent);
        !self.rows.values().any(|row| runs(row) || row.awaits_order())
    }
}
