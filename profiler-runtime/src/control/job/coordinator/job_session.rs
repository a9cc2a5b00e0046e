//! What is known about one session of a job: a line for each worker that it was asked of.
//!
//! Pure. An answer changes the line of its worker whenever it comes; whoever waits for it only waits until no line is
//! [awaited](Line::awaits) any more, or a time limit has made it silent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::frontend::{self, Part};
use crate::control::job::Selection;
use crate::control::job::report::{Report, Worker, WorkerState, WorkerStatus};
use crate::control::job::wire::Answer;

/// A session that the coordinator has started.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) session: String,
    pub(super) folder: Option<PathBuf>,
    pub(super) selection: Selection,
    /// What the workers were told to record.
    pub(super) config: Value,
    /// Whether it was stopped, or given up.
    pub(super) is_stopped: bool,
    /// By rank.
    pub(super) lines: BTreeMap<u32, Line>,
    /// The coordinator's own.
    pub(super) frontend: Option<Part>,
}

/// One worker's part in it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) status: WorkerStatus,
    /// The connection through which it was asked last.
    pub(super) connection: u64,
    pub(super) awaits: Option<Awaited>,
    /// Whether it was told to start.
    was_asked: bool,
    /// Why its recording is cut short, if it is.
    cut: Option<String>,
    /// Warnings of its start.
    warnings: Vec<String>,
}

/// An answer that has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// To a start or stop with this id.
    Order(u64),
    /// To a flush with this id.
    Flush(u64),
}

impl Line {
    /// A line of a worker that was not asked, or could not be.
    pub(super) fn new(worker: Worker, connection: u64) -> Self {
        Self {
            status: WorkerStatus::new(worker, WorkerState::Idle),
            connection,
            awaits: None,
            was_asked: false,
            cut: None,
            warnings: Vec::new(),
        }
    }

    /// It was told to start or stop, by the request with this id.
    pub(super) fn ask(&mut self, id: u64) {
        self.awaits = Some(Awaited::Order(id));
        self.was_asked = true;
    }

    /// Returns whether the answer to that has not come.
    pub(super) const fn awaits_order(&self) -> bool {
        matches!(self.awaits, Some(Awaited::Order(_)))
    }

    /// Another state, and why.
    pub(super) fn fail(&mut self, state: WorkerState, why: impl Into<String>) {
        self.awaits = None;
        self.status = self.status.clone().with(state, why);
    }

    /// Returns whether there may be something to stop or to write.
    pub(super) fn may_run(&self) -> bool {
        self.awaits.is_some() || self.was_asked && self.status.state != WorkerState::Failed
    }

    /// The connection is gone.
    pub(super) fn lose(&mut self, why: &str) {
        let was = match self.status.state {
            // A worker that leaves says this instead of the answer that is awaited.
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

    /// Takes down what the worker says.
    pub(super) fn hear(&mut self, answer: &Answer) {
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

impl Record {
    /// The last known report.
    pub(super) fn report(&self) -> Report {
        let workers = self.lines.values().map(|line| line.status.clone()).collect();
        let frontend = self.frontend.as_ref().map(frontend::line);
        Report { frontend, ..Report::new(self.session.clone(), self.folder.clone(), workers) }
    }

    /// Returns the report of its start, with what was told: by the coordinator, then by the workers, each sentence once.
    pub(super) fn start_report(&self, told: Vec<String>) -> Report {
        let mut warnings = told;
        for warning in self.lines.values().flat_map(|line| &line.warnings) {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        Report { warnings, ..self.report() }
    }

    /// Returns whether every worker has written its artifacts, or never will.
    pub(super) fn is_written(&self) -> bool {
        let writes = |line: &Line| line.status.state == WorkerState::Writing;
        self.is_over() && !self.awaits_artifacts() && !self.lines.values().any(writes)
    }

    /// Returns whether an answer to a start or stop is still awaited.
    pub(super) fn awaits_orders(&self) -> bool {
        self.lines.values().any(Line::awaits_order)
    }

    /// Returns whether artifacts are still awaited.
    pub(super) fn awaits_artifacts(&self) -> bool {
        self.lines.values().any(|line| matches!(line.awaits, Some(Awaited::Flush(_))))
    }

    /// Returns whether no worker has begun to record, and none will.
    pub(super) fn never_began(&self) -> bool {
        use WorkerState::{Failed, Idle, Lost};
        let failed = |line: &Line| line.awaits.is_none() && matches!(line.status.state, Failed | Idle | Lost);
        let failed = |line: &Line| !line.was_asked || failed(line);
        self.lines.values().all(failed)
    }

    /// Returns whether no worker can be recording any more.
    pub(super) fn is_over(&self) -> bool {
        let runs =
            |line: &Line| line.was_asked && matches!(line.status.state, WorkerState::Recording | WorkerState::Silent);
        !self.lines.values().any(|line| runs(line) || line.awaits_order())
    }
}
