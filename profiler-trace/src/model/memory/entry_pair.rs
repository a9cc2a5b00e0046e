//! An allocation's two entries, put together.

use crate::model::stages::StageTree;
use profiler_core::memory::{Action, Device};
use profiler_core::stream::entry::Entry;

use super::{Allocation, Reporter};

/// The part of the next allocation that has been read.
#[derive(Debug, Default)]
pub(in crate::model) struct Halves {
    first: Option<Entry>,
    /// Address and size of the next block before it moved.
    moved_from: (u64, u64),
}

impl Halves {
    /// Takes the first half, a `Memory` entry.
    pub(in crate::model) fn first(&mut self, entry: Entry) {
        self.first = Some(entry);
    }

    /// Takes the second half, a `Block` entry, and returns the allocation, outside of all ranges,
    /// and the ticks of its time. `None` if the first half is missing or of an unknown kind.
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
