//! The ranges that were to be timed and are not: counted where it happens, by cause.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use profiler_trace::records::events::{EventLosses, Failure};

/// A count that threads add to.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        // ORDERING: a statistic.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        // ORDERING: a statistic.
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of a running session.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) exhausted: Count,
    pub(super) captured: Count,
    pub(super) foreign: Count,
    pub(super) buffer_full: Count,
    failed: Count,
    failure: OnceLock<Failure>,
}

impl Losses {
    /// Notes a failure.
    pub(super) fn fail(&self, failure: Failure) {
        self.failed.add();
        let _ = self.failure.set(failure);
    }

    /// Returns the result of a call, if it succeeded; else counts the failure.
    pub(super) fn ok<T>(&self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.fail(failure)).ok()
    }

    pub(super) fn counted(&self) -> EventLosses {
        EventLosses {
            exhausted: self.exhausted.get(),
            unresolved: 0,
            unfinished: 0,
            captured: self.captured.get(),
            foreign: self.foreign.get(),
            buffer_full: self.buffer_full.get(),
            failed: self.failed.get(),
            failure: self.failure.get().copied(),
        }
    }
}
