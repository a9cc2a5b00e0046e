//! How far an export has come: told by the thread that writes, asked for by any other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Trace;

/// How far the artifacts of a session are.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ExportProgress {
    /// The file that is being written; `None` before the first and after the last.
    pub artifact: Option<String>,
    /// How much of that file's pass over the recording is done, from 0 to 1. Files that need no
    /// pass stay at 0.
    pub fraction: f64,
    /// Files done, written or not.
    pub done: usize,
    /// All files; 0 while the recording is being read.
    pub planned: usize,
}

/// The progress that the writing thread updates. One lock for each file, one addition for some
/// thousand ranges.
#[derive(Debug, Default)]
pub struct Gauge {
    state: Mutex<State>,
    /// Ranges that exporters have been shown so far.
    walked: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    artifact: Option<String>,
    done: usize,
    planned: usize,
    /// Value of `walked` when the artifact began, and by how much it grows until its end.
    from: u64,
    ranges: u64,
}

impl Gauge {
    /// Returns the progress at this moment.
    pub fn read(&self) -> ExportProgress {
        let state = self.state();
        let walked = self.walked().saturating_sub(state.from);
        let fraction = if state.ranges == 0 { 0.0 } else { (walked as f64 / state.ranges as f64).min(1.0) };
        ExportProgress { artifact: state.artifact.clone(), fraction, done: state.done, planned: state.planned }
    }

    /// Notes that the recording has been read, and that `planned` files follow.
    pub(super) fn begin(&self, trace: &mut Trace, planned: usize) {
        trace.walked = Arc::clone(&self.walked);
        let mut state = self.state();
        (state.planned, state.ranges) = (planned, trace.ranges);
    }

    /// Notes that the file `name` is begun.
    pub(super) fn file(&self, name: String) {
        let mut state = self.state();
        (state.artifact, state.from) = (Some(name), self.walked());
    }

    /// Notes that the file is written, or is not going to be.
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
