//! Memory: what the program allocated, per device and stage, and how much of it there was at any time.
//!
//! The decoder attributes an allocation to the innermost open range of its thread. Totals need all threads in the order
//! of time, which [`walk`] gives; [`measure`] makes this summary of it, once. Exporters that want single allocations
//! walk again. A recording knows how much was allocated when it began, so totals are those of the whole process.

mod entry_pair;
pub(super) mod measure;
mod paths;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod walk;

use profiler_core::memory::Levels;
use profiler_core::{Device, memory::Action};

use super::values::NodeId;

pub(super) use entry_pair::Halves;
pub(crate) use paths::Paths;
pub(crate) use walk::Moment;

/// What the recorder knows about memory beside its entries.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    /// When recording began.
    pub begin: Levels,
    /// When it ended.
    pub end: Levels,
}

/// Source of what is known of an allocation.
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
    /// When, in nanoseconds since the Unix epoch.
    pub(crate) at: u64,
    /// What happened.
    pub(crate) action: Action,
    /// Source of what is known of it.
    pub(crate) reporter: Reporter,
    /// Where the memory lies.
    pub(crate) device: Device,
    /// Its address; 0 where there was none to be had.
    pub(crate) address: u64,
    /// Its size.
    pub(crate) bytes: u64,
    /// What it was before, address and bytes: of a block that was reallocated.
    pub(crate) before: (u64, u64),
    /// The innermost open range: a stage of the [`StageTree`](super::StageTree), a path of [`Paths`] in a walk.
    pub(crate) node: NodeId,
}

/// Memory of a session, for each device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Whether the program's allocator reported.
    pub(crate) has_allocator: bool,
    /// Smaller blocks of the host were not reported.
    pub(crate) least_bytes: u64,
    /// Allocations and releases that found no room in the buffers: totals are wrong by them.
    pub(crate) lost: u64,
    /// The devices that the program reported memory of, the host first.
    pub(crate) devices: Vec<DeviceMemory>,
    /// The devices that it took memory from through CUDA, as the GPU's source saw. Totals begin with the recording.
    pub(crate) taken: Vec<DeviceMemory>,
}

/// Memory of one device. Bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceMemory {
    /// Source of what is known of it.
    pub(crate) reporter: Reporter,
    /// Which.
    pub(crate) device: Device,
    /// Allocated when recording began.
    pub(crate) at_begin: u64,
    /// Allocated when it ended.
    pub(crate) at_end: u64,
    /// The most at any time.
    pub(crate) peak: u64,
    /// When that was, in nanoseconds since the Unix epoch.
    pub(crate) peak_at: u64,
    /// How much of the end the recorded allocations do not explain: made while recording began or ended, or lost.
    pub(crate) unexplained: i64,
    /// All threads, in whatever stage or none.
    pub(crate) usage: Usage,
    /// By [`NodeId`] of the trace's stage tree.
    stages: Vec<StageMemory>,
}

/// What a stage did with a device's memory, over all its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageMemory {
    /// The stage's own threads, stages inside it included.
    pub(crate) usage: Usage,
    /// The most that the process had allocated while it ran.
    pub(crate) peak: u64,
    /// By how much that was more than when the call began; of the call where it was most.
    pub(crate) growth: u64,
}

/// Allocations and releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Allocations.
    pub(crate) allocs: u64,
    /// Releases.
    pub(crate) frees: u64,
    /// Bytes of the allocations.
    pub(crate) allocated: u64,
    /// Bytes of the releases.
    pub(crate) freed: u64,
    /// Allocations that failed.
    pub(crate) failed: u64,
}

impl Allocation {
    /// By how much the device's total changes.
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

/// What is allocated per device at some moment of a walk.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    now: Vec<(&'a DeviceMemory, u64)>,
}

impl Memory {
    /// Returns all devices: those of the program's reports, then those of CUDA's.
    pub(crate) fn all(&self) -> impl Iterator<Item = &DeviceMemory> {
        self.devices.iter().chain(&self.taken)
    }

    /// What was allocated when recording began.
    pub(crate) fn totals(&self) -> Totals<'_> {
        Totals { now: self.all().map(|each| (each, each.at_begin)).collect() }
    }
}

impl Totals<'_> {
    /// The device's total after this allocation; never negative, because [`measure`] has seen them all.
    pub(crate) fn after(&mut self, allocation: &Allocation) -> u64 {
        let Some((_, now)) = self.now.iter_mut().find(|(device, _)| device.tells(allocation)) else { return 0 };
        *now = now.saturating_add_signed(allocation.change());
        *now
    }
}

impl DeviceMemory {
    /// Returns whether this allocation is one of these.
    pub(crate) fn tells(&self, allocation: &Allocation) -> bool {
        (self.reporter, self.device) == (allocation.reporter, allocation.device)
    }

    /// What a stage did; zeros for one that touched no memory of this device.
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

    /// Bytes allocated minus bytes freed.
    pub(crate) const fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed).cast_signed()
    }
}
