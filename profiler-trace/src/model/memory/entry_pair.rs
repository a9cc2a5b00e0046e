//! Joining of the two entries that describe an allocation.

use crate::model::stages::StageTree;
use profiler_core::memory::{Action, Device};
use profiler_core::stream::entry::Entry;

use super::{Allocation, Reporter};

/// First entry of an allocation, until its second entry arrives.
#[derive(Debug, Default)]
pub(in crate::model) struct EntryPair {
    first: Option<Entry>,
    /// Address and size of the block before a reallocation moved it.
    moved_from: (u64, u64),
}

impl EntryPair {
    /// Takes the first entry of an allocation, of tag `Memory`.
    pub(in crate::model) fn first(&mut self, entry: Entry) {
        self.first = Some(entry);
    }

    /// Takes the second entry, of tag `Block`. Returns the ticks and the allocation, with no range
    /// around it; `None` if the first entry is missing or its action unknown.
    pub(in crate::model) fn second(&mut self, entry: Entry) -> Option<(u64, Allocation)> {
        let first = self.first.take()?;
        let action = Action::from_u32(first.argument())?;
        let (address, bytes) = (entry.value(), entry.second());
        let before = if action == Action::MovedTo { self.moved_from } else { (0, 0) };
        if action == Action::MovedFrom {
            self.moved_from = (address, bytes);
        }
        let device = Device::from_number(first.site());
        let node = StageTree::ROOT;
        Some((
            first.value(),
            Allocation { at: 0, action, reporter: Reporter::Program, device, address, bytes, before, node },
        ))
    }
}
