//! Options and result of a merge.

use std::path::PathBuf;

use super::align::Alignment;

/// How ranks are merged.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    pub(super) force: bool,
}

impl MergeOptions {
    /// Merges ranks of different sessions, and traces without clock anchors, all the same;
    /// [`MergedTrace::notes`] says so.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

/// A merged trace, complete and on the disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MergedTrace {
    /// Path of the file.
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// Session of its ranks; the first rank's, if they were forced together.
    pub session: String,
    /// The ranks, in ascending order.
    pub ranks: Vec<MergedRank>,
    /// Notes for the reader, in full sentences: what was forced, which ranks are missing.
    pub notes: Vec<String>,
}

/// A rank of a [`MergedTrace`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MergedRank {
    /// Number of the rank.
    pub rank: u32,
    /// File that it was read from.
    pub file: PathBuf,
    /// The host it ran on.
    pub host: String,
    /// Number of its events, all of which are in the merged file.
    pub events: u64,
    /// Basis on which it was placed.
    pub alignment: Alignment,
    /// Nanoseconds that were added to its times, to bring them to the first rank's clock.
    pub offset_ns: i64,
    /// Nanoseconds by which it may still be off against the first rank; `None` if that is unknown.
    pub uncertainty_ns: Option<u64>,
}

impl MergedTrace {
    /// Returns the number of events in the file.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.ranks.iter().map(|rank| rank.events).sum()
    }
}
