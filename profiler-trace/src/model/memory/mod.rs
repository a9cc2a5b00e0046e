//! Memory: what the program allocated, per device and stage, and how much of it there was at any
//! time.
//!
//! The decoder attributes an allocation to the innermost open range of its thread. Totals need all
//! threads in the order of time, which [`walk`] gives; [`measure`] makes this summary of it, once.
//! Exporters that want single allocations walk again. A recording knows how much was allocated when
//! it began, so totals are those of the whole process.

mod entry_pair;
pub(super) mod measure;
mod paths;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod walk;

use profiler_core::memory::Levels;
use profiler_core::memory::{Action, Device};

use super::values::NodeId;

pub(super) use entry_pair::Halves;
pub(crate) use paths::Paths;
pub(crate) use walk::Moment;

/// The recorder's knowledge of memory beside its entries.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    /// Allocated memory when recording began.
    pub begin: Levels,
    /// Allocated memory when it ended.
    pub end: Levels,
}

/// The source of the facts about an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reporter {
    /// The program: its allocator, or a framework.
    Program,
    /// CUPTI: what the program took from CUDA, for pools too.
    Cuda,
}

/// One allocation or release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// Moment in nanoseconds since the Unix epoch.
    pub(crate) at: u64,
    /// Kind of the event.
    pub(crate) action: Action,
    /// Source of the facts about it.
    pub(crate) reporter: Reporter,
    /// Device of the memory.
    pub(crate) device: Device,
    /// Address; 0 where the allocation failed.
    pub(crate) address: u64,
    /// Size in bytes.
    pub(crate) bytes: u64,
    /// Address and size before a reallocation.
    pub(crate) before: (u64, u64),
    /// Innermost open range: a stage of the [`StageTree`](super::StageTree), a path of [`Paths`] in
    /// a walk.
    pub(crate) node: NodeId,
}

/// Memory of a session, for each device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// True if the program's allocator reported.
    pub(crate) has_allocator: bool,
    /// Least size of reported blocks of the host.
    pub(crate) least_bytes: u64,
    /// Number of allocations and releases that found no room in the buffers: totals are wrong by
    /// them.
    pub(crate) lost: u64,
    /// Devices that the program reported memory of, the host first.
    pub(crate) devices: Vec<DeviceMemory>,
    /// Devices that it took memory from through CUDA, as the GPU's source saw. Totals begin with
    /// the recording.
    pub(crate) taken: Vec<DeviceMemory>,
}

/// The memory of one device, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceMemory {
    /// Source of the facts about it.
    pub(crate) reporter: Reporter,
    /// Device of the memory.
    pub(crate) device: Device,
    /// Memory allocated when recording began.
    pub(crate) at_begin: u64,
    /// Memory allocated when it ended.
    pub(crate) at_end: u64,
    /// Most memory at any time.
    pub(crate) peak: u64,
    /// Moment of the peak, in nanoseconds since the Unix epoch.
    pub(crate) peak_at: u64,
    /// Part of the end that no recorded allocation explains: made while recording began or ended,
    /// or lost.
    pub(crate) unexplained: i64,
    /// Usage of all threads, inside stages and outside.
    pub(crate) usage: Usage,
    /// Memory of the stages, by [`NodeId`] of the trace's stage tree.
    stages: Vec<StageMemory>,
}

/// The use that a stage made of a device's memory, over all its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageMemory {
    /// Usage of the stage's own threads, stages inside it included.
    pub(crate) usage: Usage,
    /// Most memory that the process had allocated while it ran.
    pub(crate) peak: u64,
    /// Growth to that peak since the call began; of the call where it was largest.
    pub(crate) growth: u64,
}

/// The counts and bytes of allocations and releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Number of allocations.
    pub(crate) allocs: u64,
    /// Number of releases.
    pub(crate) frees: u64,
    /// Bytes of the allocations.
    pub(crate) allocated: u64,
    /// Bytes of the releases.
    pub(crate) freed: u64,
    /// Number of allocations that failed.
    pub(crate) failed: u64,
}

impl Allocation {
    /// Returns by how much the device's total changes.
    pub(crate) fn change(&self) -> i64 {
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        match self.action {
            Action::Alloc => bytes,
            Action::Free => -bytes,
            Action::MovedTo => bytes.saturating_sub_unsigned(self.before.1),
            Action::OutOfMemory | Action::MovedFrom => 0,
        }
    }
}

/// The allocated memory per device at some moment of a walk.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    now: Vec<(&'a DeviceMemory, u64)>,
}

impl Memory {
    /// Returns all devices: those of the program's reports, then those of CUDA's.
    pub(crate) fn all(&self) -> impl Iterator<Item = &DeviceMemory> {
        self.devices.iter().chain(&self.taken)
    }

    /// Returns the memory that was allocated when recording began.
    pub(crate) fn totals(&self) -> Totals<'_> {
        Totals { now: self.all().map(|each| (each, each.at_begin)).collect() }
    }
}

impl Totals<'_> {
    /// Returns the device's total after this allocation; never negative, because [`measure`] has
    /// seen all of them.
    pub(crate) fn after(&mut self, allocation: &Allocation) -> u64 {
        let Some((_, now)) = self.now.iter_mut().find(|(device, _)| device.tells(allocation)) else { return 0 };
        *now = now.saturating_add_signed(allocation.change());
        *now
    }
}

impl DeviceMemory {
    /// Returns whether this allocation is one of the device's, from the same source.
    pub(crate) fn tells(&self, allocation: &Allocation) -> bool {
        (self.reporter, self.device) == (allocation.reporter, allocation.device)
    }

    /// Returns the use that a stage made of the memory; zeros for one that touched no memory of
    /// this device.
    pub(crate) fn stage(&self, node: NodeId) -> StageMemory {
        self.stages.get(node.0 as usize).copied().unwrap_or_default()
    }
}

impl Usage {
    fn note(&mut self, allocation: &Allocation) {
        match allocation.action {
            Action::Alloc | Action::MovedTo => {
                self.allocs += 1;
                self.allocated += allocation.bytes;
            }
            Action::Free | Action::MovedFrom => {
                self.frees += 1;
                self.freed += allocation.bytes;
            }
            Action::OutOfMemory => self.failed += 1,
        }
    }

    fn add(&mut self, other: Self) {
        let Self { allocs, frees, allocated, freed, failed } = other;
        self.allocs += allocs;
        self.frees += frees;
        self.allocated += allocated;
        self.freed += freed;
        self.failed += failed;
    }

    /// Returns the bytes allocated minus the bytes freed.
    pub(crate) const fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed).cast_signed()
    }
}
