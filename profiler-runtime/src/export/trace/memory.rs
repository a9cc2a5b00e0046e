//! Memory as both trace formats show it: change by change, in the order of time, with the device's total after each.

use std::collections::HashMap;

use crate::model::{Allocation, Gpu, Moment, Trace};
use crate::record::{Action, Device};

/// Memory was taken, given back, or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryChange {
    /// When, in nanoseconds since the Unix epoch.
    pub(super) at: u64,
    /// Whose.
    pub(super) device: Device,
    /// Where on it.
    pub(super) address: u64,
    /// How much; negative if it was given back.
    pub(super) bytes: i64,
    /// There was not so much: nothing changed.
    pub(super) failed: bool,
    /// What the device has given afterwards.
    pub(super) total: u64,
}

impl MemoryChange {
    /// What PyTorch calls it.
    pub(super) const fn name(&self) -> &'static str {
        if self.failed { "[OutOfMemory]" } else { "[memory]" }
    }

    /// PyTorch's numbers of the device, id and type: type 0 with id -1 is the host, type 1 is CUDA.
    pub(super) fn device_numbers(&self) -> (i64, u64) {
        match self.device {
            Device::Cpu => (-1, 0),
            Device::Cuda(index) => (i64::from(index), 1),
        }
    }
}

/// Visits what the program's allocator and its frameworks reported, with the number of the thread; nothing if memory was
/// not recorded.
pub(super) fn walk_reported(trace: &Trace, mut visit: impl FnMut(usize, &MemoryChange)) {
    let Some(memory) = &trace.memory else { return };
    let mut totals = memory.totals();
    trace.walk_memory(|_, moment| {
        let Moment::Allocation { thread, allocation } = moment else { return };
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
/// before the recording is not part of the totals, so its return is left out.
pub(super) fn walk_taken(trace: &Trace, gpu: &Gpu, mut visit: impl FnMut(u32, &MemoryChange)) {
    if gpu.memory.is_empty() {
        return;
    }
    let callers: HashMap<u32, u32> =
        gpu.calls.iter().map(|placed| (placed.call.correlation, placed.call.thread)).collect();
    let mut live: HashMap<(u32, u64), u64> = HashMap::new();
    let mut totals: HashMap<u32, u64> = HashMap::new();
    for each in &gpu.memory {
        let total = totals.entry(each.device).or_default();
        let bytes = if each.is_free {
            let Some(bytes) = live.remove(&(each.device, each.address)) else { continue };
            *total -= bytes;
            -signed(bytes)
        } else {
            live.insert((each.device, each.address), each.bytes);
            *total += each.bytes;
            signed(each.bytes)
        };
        let thread = callers.get(&each.correlation).copied().unwrap_or(trace.context.pid);
        let device = Device::Cuda(u8::try_from(each.device).unwrap_or(u8::MAX));
        let (at, address, total) = (each.at, each.address, *total);
        visit(thread, &MemoryChange { at, device, address, bytes, failed: false, total });
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
