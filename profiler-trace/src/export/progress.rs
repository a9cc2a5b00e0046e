//! Progress of an export, updated by the writing thread and readable by any other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Trace;

/// Progress of writing a session's artifacts.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ExportProgress {
    /// Name of the file that is being written; `None` before the first and after the last.
    pub artifact: Option<String>,
    /// Finished fraction of that file's pass over the recording, from 0 to 1; stays 0 for files
    /// that need no pass.
    pub fraction: f64,
    /// Number of finished files, whether written or failed.
    pub done: usize,
    /// Total number of files; 0 while the recording is being read.
    pub planned: usize,
}

/// Progress state of the writing thread. Costs one lock per file and one atomic addition per few
/// thousand ranges.
#[derive(Debug, Default)]
pub struct Gauge {
    state: Mutex<State>,
    /// Number of ranges that exporters have visited.
    walked: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    artifact: Option<String>,
    done: usize,
    planned: usize,
    /// Value of `walked` at the start of the current artifact.
    from: u64,
    /// Number of ranges that one pass visits.
    ranges: u64,
}

impl Gauge {
    /// Returns the current progress.
    pub fn read(&self) -> ExportProgress {
        let state = self.state();
        let walked = self.walked().saturating_sub(state.from);
        let fraction = if state.ranges == 0 { 0.0 } else { (walked as f64 / state.ranges as f64).min(1.0) };
        ExportProgress { artifact: state.artifact.clone(), fraction, done: state.done, planned: state.planned }
    }

    /// Starts the progress after the recording has been read; `planned` files follow.
    pub(super) fn begin(&self, trace: &mut Trace, planned: usize) {
        trace.walked = Arc::clone(&self.walked);
        let mut state = self.state();
        (state.planned, state.ranges) = (planned, trace.ranges);
    }

    /// Starts the file `name`.
    pub(super) fn file(&self, name: String) {
        let mut state = self.state();
        (state.artifact, state.from) = (Some(name), self.walked());
    }

    /// Finishes the current file, whether it was written or failed.
    pub(super) fn file_done(&self) {
        let mut state = self.state();
        state.artifact = None;
        state.done += 1;
    }

    fn walked(&self) -> u64 {
        // ORDERING: a statistic.
        self.walked.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
