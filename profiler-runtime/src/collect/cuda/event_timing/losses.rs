//! Counts, by cause, the ranges that name a stream but get no GPU time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use profiler_trace::records::events::{EventLosses, Failure};

/// A counter that several threads increment.
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
    /// Counts a failed call and keeps the first failure.
    pub(super) fn count_failure(&self, failure: Failure) {
        self.failed.add();
        let _ = self.failure.set(failure);
    }

    /// Returns the value of a successful call; counts a failed one.
    pub(super) fn ok_or_count<T>(&self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|failure| self.count_failure(failure)).ok()
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
