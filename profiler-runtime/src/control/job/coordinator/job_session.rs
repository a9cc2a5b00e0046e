//! The state of one session of a job, with a row for each selected worker.
//!
//! Pure. An answer updates the row of its worker whenever it arrives. A caller only waits until no
//! row [awaits](WorkerRow::awaits) an answer, or until its timeout marks the remaining rows as
//! silent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::frontend::{self, Recording};
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
    /// True if it was stopped or abandoned.
    pub(super) is_stopped: bool,
    /// Rows by rank.
    pub(super) rows: BTreeMap<u32, WorkerRow>,
    /// Recording of the coordinator's own process.
    pub(super) frontend: Option<Recording>,
}

/// The state of one worker in the session.
#[derive(Clone, Debug)]
pub(super) struct WorkerRow {
    pub(super) status: WorkerStatus,
    pub(super) awaits: Option<Awaited>,
    /// True if a start was sent to it.
    was_started: bool,
    /// Reason if its recording ended early.
    cut: Option<String>,
    /// Warnings of its start.
    warnings: Vec<String>,
}

/// An answer that has not arrived yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The answer to the start or stop with this id.
    Order(u64),
    /// The answer to the flush with this id.
    Flush(u64),
}

impl WorkerRow {
    /// Creates the row of a worker to which nothing was sent.
    pub(super) fn new(worker: Worker) -> Self {
        let status = WorkerStatus::new(worker, WorkerState::Idle);
        Self { status, awaits: None, was_started: false, cut: None, warnings: Vec::new() }
    }

    /// Records that a request was sent to the worker, or the error if it could not be; the row then
    /// gets the state `unsent`.
    pub(super) fn on_sent(&mut self, awaited: Awaited, sent: Result<(), String>, unsent: WorkerState) {
        match sent {
            Ok(()) => (self.awaits, self.was_started) = (Some(awaited), true),
            Err(why) => self.fail(unsent, why),
        }
    }

    /// Returns whether the answer to a start or stop has not arrived yet.
    pub(super) const fn awaits_order(&self) -> bool {
        matches!(self.awaits, Some(Awaited::Order(_)))
    }

    /// Sets the state and the reason for it.
    pub(super) fn fail(&mut self, state: WorkerState, why: impl Into<String>) {
        self.awaits = None;
        self.status = self.status.clone().with(state, why);
    }

    /// Returns whether the worker may have to stop recording or to write artifacts.
    pub(super) fn may_run(&self) -> bool {
        self.awaits.is_some() || self.was_started && self.status.state != WorkerState::Failed
    }

    /// Records that the connection has ended.
    pub(super) fn on_disconnect(&mut self, why: &str) {
        let was = match self.status.state {
            // A worker that leaves sends this in place of the awaited answer.
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

    /// Updates the row with an answer of the worker.
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
    /// Returns the current report.
    pub(super) fn report(&self) -> Report {
        let workers = self.rows.values().map(|row| row.status.clone()).collect();
        let frontend = self.frontend.as_ref().map(frontend::report);
        Report { frontend, ..Report::new(self.name.clone(), self.folder.clone(), workers) }
    }

    /// Returns the report of the start, with warnings: those of the coordinator, then those of the
    /// workers, each only once.
    pub(super) fn start_report(&self, mut warnings: Vec<String>) -> Report {
        for warning in self.rows.values().flat_map(|row| &row.warnings) {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        Report { warnings, ..self.report() }
    }

    /// Returns whether every worker has written its artifacts or never will.
    pub(super) fn is_written(&self) -> bool {
        let writes = |row: &WorkerRow| row.status.state == WorkerState::Writing;
        self.is_over() && !self.awaits_artifacts() && !self.rows.values().any(writes)
    }

    /// Returns whether the answer to a start or stop is still awaited.
    pub(super) fn awaits_orders(&self) -> bool {
        self.rows.values().any(WorkerRow::awaits_order)
    }

    /// Returns whether the answer to a flush is still awaited.
    pub(super) fn awaits_artifacts(&self) -> bool {
        self.rows.values().any(|row| matches!(row.awaits, Some(Awaited::Flush(_))))
    }

    /// Returns whether the session is stopped and awaits no answer.
    pub(super) fn is_settled(&self) -> bool {
        self.is_stopped && self.rows.values().all(|row| row.awaits.is_none())
    }

    /// Returns whether no worker has begun to record or will.
    pub(super) fn never_began(&self) -> bool {
        use WorkerState::{Failed, Idle, Lost};
        let failed = |row: &WorkerRow| row.awaits.is_none() && matches!(row.status.state, Failed | Idle | Lost);
        let failed = |row: &WorkerRow| !row.was_started || failed(row);
        self.rows.values().all(failed)
    }

    /// Returns whether no worker can still be recording.
    pub(super) fn is_over(&self) -> bool {
        let runs = |row: &WorkerRow| {
            row.was_started && matches!(row.status.state, WorkerState::Recording | WorkerState::Silent)
        };
        !self.rows.values().any(|row| runs(row) || row.awaits_order())
    }
}
