//! Options and result of a merge.

use std::path::PathBuf;

use super::align::Alignment;

/// Options of a merge.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    pub(super) force: bool,
}

impl MergeOptions {
    /// Merges even ranks of different sessions, and traces without clock anchors;
    /// [`MergedTrace::notes`] mentions it.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

/// Result of a merge, written completely to disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MergedTrace {
    /// Path of the file.
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// Session of the ranks; if different sessions were forced together, the first rank's.
    pub session: String,
    /// Merged ranks, in ascending order.
    pub ranks: Vec<MergedRank>,
    /// Sentences about what was forced and which ranks are missing.
    pub notes: Vec<String>,
}

/// A rank of a [`MergedTrace`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MergedRank {
    /// Number of the rank.
    pub rank: u32,
    /// File that the rank was read from.
    pub file: PathBuf,
    /// Host that the rank ran on.
    pub host: String,
    /// Number of its events, all of which are in the merged file.
    pub events: u64,
    /// Method by which it was aligned.
    pub alignment: Alignment,
    /// Nanoseconds added to its times to convert them to the first rank's clock.
    pub offset_ns: i64,
    /// Maximum error in nanoseconds relative to the first rank; `None` if unknown.
    pub uncertainty_ns: Option<u64>,
}

impl MergedTrace {
    /// Returns the number of events in the file.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.ranks.iter().map(|rank| rank.events).sum()
    }
}
