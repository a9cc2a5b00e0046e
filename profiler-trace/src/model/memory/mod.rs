//! Memory: what the program allocated, per device and stage, and how much was allocated at any
//! time.
//!
//! The decoder attributes an allocation to the innermost open range of its thread. Totals need the
//! allocations of all threads in order of time, which [`walk`] provides; [`measure`] computes this
//! summary from them, once. Exporters that need individual allocations walk again. A recording
//! contains how much was allocated at its start, so totals are those of the whole process.

mod entry_pair;
pub(super) mod measure;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod walk;

use profiler_core::memory::Levels;
use profiler_core::memory::{Action, Device};

use super::values::NodeId;

pub(super) use entry_pair::EntryPair;
pub(crate) use walk::{MemoryEvent, Paths};

/// Allocation levels at the start and the end of a recording, from the recorder.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    /// Allocated memory at the start of the recording.
    pub begin: Levels,
    /// Allocated memory at the end of the recording.
    pub end: Levels,
}

/// Origin of the records of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reporter {
    /// The program: its allocator, or a framework.
    Program,
    /// CUPTI: blocks that the program allocated from CUDA, also for pools.
    Cuda,
}

/// One allocation or release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// Time in nanoseconds since the Unix epoch.
    pub(crate) at: u64,
    /// Kind of the event.
    pub(crate) action: Action,
    /// Origin of the record.
    pub(crate) reporter: Reporter,
    /// Device of the memory.
    pub(crate) device: Device,
    /// Address; 0 if the allocation failed.
    pub(crate) address: u64,
    /// Size in bytes.
    pub(crate) bytes: u64,
    /// Address and size before a reallocation.
    pub(crate) before: (u64, u64),
    /// Innermost open range: a node of the [`StageTree`](super::StageTree), or of [`Paths`] in a
    /// walk.
    pub(crate) node: NodeId,
}

/// Memory of a session, per device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// True if the program's allocator was recorded.
    pub(crate) has_allocator: bool,
    /// Minimum size of recorded host blocks.
    pub(crate) least_bytes: u64,
    /// Number of allocations and releases that did not fit into the buffers; totals exclude them.
    pub(crate) lost: u64,
    /// Devices whose memory the program reported, the host first.
    pub(crate) devices: Vec<DeviceMemory>,
    /// Devices whose memory CUDA allocated, as the GPU source recorded. Totals count from the start
    /// of the recording.
    pub(crate) cuda_devices: Vec<DeviceMemory>,
}

/// Memory of one device, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceMemory {
    /// Origin of the records.
    pub(crate) reporter: Reporter,
    /// Device of the memory.
    pub(crate) device: Device,
    /// Memory allocated at the start of the recording.
    pub(crate) at_begin: u64,
    /// Memory allocated at the end of the recording.
    pub(crate) at_end: u64,
    /// Maximum memory at any time.
    pub(crate) peak: u64,
    /// Time of the peak, in nanoseconds since the Unix epoch.
    pub(crate) peak_at: u64,
    /// Part of `at_end` without recorded allocations: made while recording started or ended, or
    /// lost.
    pub(crate) unexplained: i64,
    /// Allocations of all threads, inside and outside of stages.
    pub(crate) usage: Usage,
    /// Memory of the stages, by [`NodeId`] of the trace's stage tree.
    stages: Vec<StageMemory>,
}

/// Memory of one stage on one device, over all its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageMemory {
    /// Allocations of the stage's threads, including stages inside it.
    pub(crate) usage: Usage,
    /// Maximum memory of the process while the stage ran.
    pub(crate) peak: u64,
    /// Growth from the start of a call to its peak, for the call where it was largest.
    pub(crate) growth: u64,
}

/// Counts and bytes of allocations and releases.
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
    /// Returns the change of the device's total.
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

/// Allocated memory per device at some point of a walk.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    now: Vec<(&'a DeviceMemory, u64)>,
}

impl Memory {
    /// Returns all devices: those that the program reported, then those that CUDA recorded.
    pub(crate) fn all(&self) -> impl Iterator<Item = &DeviceMemory> {
        self.devices.iter().chain(&self.cuda_devices)
    }

    /// Returns the allocated memory at the start of the recording.
    pub(crate) fn totals(&self) -> Totals<'_> {
        Totals { now: self.all().map(|each| (each, each.at_begin)).collect() }
    }
}

impl Totals<'_> {
    /// Returns the device's total after this allocation. It is never negative, because [`measure`]
    /// has seen all allocations.
    pub(crate) fn after(&mut self, allocation: &Allocation) -> u64 {
        let Some((_, now)) = self.now.iter_mut().find(|(device, _)| device.includes(allocation)) else { return 0 };
        *now = now.saturating_add_signed(allocation.change());
        *now
    }
}

impl DeviceMemory {
    /// Returns whether this allocation belongs to the device and comes from the same origin.
    pub(crate) fn includes(&self, allocation: &Allocation) -> bool {
        (self.reporter, self.device) == (allocation.reporter, allocation.device)
    }

    /// Returns a stage's memory on this device; all zeros if it used none.
    pub(crate) fn stage(&self, node: NodeId) -> StageMemory {
        self.stages.get(node.0 as usize).copied().unwrap_or_default()
    }
}

impl Usage {
    fn count(&mut self, allocation: &Allocation) {
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
