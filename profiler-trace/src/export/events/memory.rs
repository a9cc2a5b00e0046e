//! Memory in both trace formats: individual changes in order of time, each with the device's total
//! after it.

use std::collections::HashMap;

use crate::model::{Allocation, CudaAllocation, Gpu, MemoryEvent, Reporter, Trace};
use profiler_core::memory::{Action, Device};

use super::{Args, Category, Event, Key, Name, Row};

/// A change of a device's memory: an allocation, a release, or a failed allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct MemoryChange {
    /// Time of the change, in nanoseconds since the Unix epoch.
    pub(in crate::export) at: u64,
    /// Device of the memory.
    pub(in crate::export) device: Device,
    /// Address on the device.
    pub(in crate::export) address: u64,
    /// Size; negative for a release.
    pub(in crate::export) bytes: i64,
    /// True for a failed allocation, which changed nothing.
    pub(in crate::export) failed: bool,
    /// Allocated memory of the device after the change.
    pub(in crate::export) total: u64,
}

impl Event for MemoryChange {
    fn title(&self) -> (Category, Name<'_>) {
        (Category::Instant, Name::Shared(if self.failed { "[OutOfMemory]" } else { "[memory]" }.into()))
    }

    fn args(&self, args: &mut impl Args) {
        // PyTorch's numbers: type 0 with id -1 is the host, type 1 is CUDA.
        let (id, kind) = self.device.index().map_or((-1, 0_u32), |index| (i64::from(index), 1));
        args.value(Key::TotalReserved, 0_u32);
        args.value(Key::TotalAllocated, self.total);
        args.value(Key::DeviceId, id);
        args.value(Key::DeviceType, kind);
        args.value(Key::BytesChanged, self.bytes);
        args.some(Key::Addr, (!self.failed).then_some(self.address));
    }
}

/// Visits the changes that the program's allocator and its frameworks reported, each with its
/// thread's row. Visits nothing if memory was not recorded.
pub(in crate::export) fn walk_program(trace: &Trace, mut visit: impl FnMut(Row, &MemoryChange)) {
    let Some(memory) = &trace.memory else { return };
    let mut totals = memory.totals();
    trace.walk_memory(|_, event| {
        let MemoryEvent::Allocation { thread, allocation } = event else { return };
        if allocation.reporter != Reporter::Program {
            return;
        }
        let total = totals.after(allocation);
        let mut push = |action, (address, bytes): (u64, u64), total| {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            let bytes = if action == Action::Free { -bytes } else { bytes };
            let Allocation { at, device, .. } = *allocation;
            let failed = action == Action::OutOfMemory;
            visit(Row::Thread(*thread, 0), &MemoryChange { at, device, address, bytes, failed, total });
        };
        let block = (allocation.address, allocation.bytes);
        match allocation.action {
            Action::MovedFrom => {}
            Action::MovedTo => {
                push(Action::Free, allocation.before, total.saturating_sub(allocation.bytes));
                push(Action::Alloc, block, total);
            }
            action => push(action, block, total),
        }
    });
}

/// Visits the changes by CUDA calls, each with the calling thread's row. Totals start at 0 with the
/// recording.
pub(in crate::export) fn walk_cuda(trace: &Trace, gpu: &Gpu, mut visit: impl FnMut(Row, &MemoryChange)) {
    let mut totals: HashMap<Device, u64> = HashMap::new();
    for each in &gpu.memory {
        let CudaAllocation { allocation, thread, .. } = each;
        let &Allocation { at, device, address, .. } = allocation;
        let (bytes, total) = (allocation.change(), totals.entry(device).or_default());
        *total = total.saturating_add_signed(bytes);
        let change = MemoryChange { at, device, address, bytes, failed: false, total: *total };
        visit(Row::caller(trace, thread.unwrap_or(trace.context.pid)), &change);
    }
}
