//! Memory as both trace formats show it: change by change, in the order of time, with the device's total after each.

use std::collections::HashMap;

use crate::model::{Allocation, Gpu, Moment, Reporter, Taken, Trace};
use profiler_core::{Device, memory::Action};

/// Memory was taken, given back, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct MemoryChange {
    /// When, in nanoseconds since the Unix epoch.
    pub(in crate::export) at: u64,
    /// Whose.
    pub(in crate::export) device: Device,
    /// Where on it.
    pub(in crate::export) address: u64,
    /// How much; negative if it was given back.
    pub(in crate::export) bytes: i64,
    /// There was not so much: nothing changed.
    pub(in crate::export) failed: bool,
    /// What the device has given afterwards.
    pub(in crate::export) total: u64,
}

impl MemoryChange {
    /// What PyTorch calls it.
    pub(in crate::export) const fn name(&self) -> &'static str {
        if self.failed { "[OutOfMemory]" } else { "[memory]" }
    }

    /// PyTorch's numbers of the device, id and type: type 0 with id -1 is the host, type 1 is CUDA.
    pub(in crate::export) fn device_numbers(&self) -> (i64, u64) {
        self.device.index().map_or((-1, 0), |index| (i64::from(index), 1))
    }
}

/// Visits what the program's allocator and its frameworks reported, with the number of the thread; nothing if memory was
/// not recorded.
pub(in crate::export) fn walk_reported(trace: &Trace, mut visit: impl FnMut(usize, &MemoryChange)) {
    let Some(memory) = &trace.memory else { return };
    let mut totals = memory.totals();
    trace.walk_memory(|_, moment| {
        let Moment::Allocation { thread, allocation } = moment else { return };
        if allocation.reporter != Reporter::Program {
            return;
        }
        let total = totals.after(allocation);
        let mut push = |action, block, total| visit(*thread, &MemoryChange::reported(allocation, action, block, total));
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

/// Visits what the program took from CUDA, with the thread that called by the operating system's id. What was taken
/// before the recording is not part of the totals.
pub(in crate::export) fn walk_taken(trace: &Trace, gpu: &Gpu, mut visit: impl FnMut(u32, &MemoryChange)) {
    let mut totals: HashMap<Device, u64> = HashMap::new();
    for each in &gpu.memory {
        let total = totals.entry(each.device).or_default();
        *total = total.saturating_add_signed(each.change());
        let Taken { at, device, address, thread, .. } = *each;
        let change = MemoryChange { at, device, address, bytes: each.change(), failed: false, total: *total };
        visit(thread.unwrap_or(trace.context.pid), &change);
    }
}

impl MemoryChange {
    fn reported(allocation: &Allocation, action: Action, (address, bytes): (u64, u64), total: u64) -> Self {
        let bytes = signed(bytes);
        Self {
            at: allocation.at,
            device: allocation.device,
            address,
            bytes: if action == Action::Free { -bytes } else { bytes },
            failed: action == Action::OutOfMemory,
            total,
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
