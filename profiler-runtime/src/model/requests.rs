//! Requests: the units of work that timings are grouped by.

use super::stages::StageTree;

/// One request; without any, the session is the only one. Nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// As the program named it; the session's id for the session itself.
    pub(crate) id: String,
    /// When it began.
    pub(crate) begin: u64,
    /// When it ended.
    pub(crate) end: u64,
    /// The stages that ran in it, on its thread.
    pub(crate) stages: StageTree,
    /// Time in none of its top-level stages.
    pub(crate) unaccounted_ns: u64,
}

impl Request {
    /// How long it took.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }
}
