//! What a merge is asked for, and what it tells.

use std::path::PathBuf;

use super::align::Alignment;

/// How ranks are merged.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    pub(super) force: bool,
}

impl MergeOptions {
    /// Merges ranks of different sessions, and traces without clock anchors, all the same; [`Merged::notes`] says so.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

/// A merged trace, complete and on the disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Merged {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The session of its ranks; that of the first, if they were forced together.
    pub session: String,
    /// The ranks, in ascending order.
    pub ranks: Vec<MergedRank>,
    /// What its reader should know, in full sentences: what was forced, which ranks are missing.
    pub notes: Vec<String>,
}

/// A rank of a [`Merged`] trace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MergedRank {
    /// Its number.
    pub rank: u32,
    /// Where it was read from.
    pub file: PathBuf,
    /// The host it ran on.
    pub host: String,
    /// Its events, all of which are in the merged file.
    pub events: u64,
    /// By what it was placed.
    pub alignment: Alignment,
    /// Nanoseconds that were added to its times, to bring them to the first rank's clock.
    pub offset_ns: i64,
    /// By how many nanoseconds it may still be off against the first rank; `None` if nothing is known of that.
    pub uncertainty_ns: Option<u64>,
}

impl Merged {
    /// Events in the file.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.ranks.iter().map(|rank| rank.events).sum()
    }
}
