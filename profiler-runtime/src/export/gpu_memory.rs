//! Device memory that the program took from CUDA, change by change.

use std::collections::HashMap;

use crate::model::{Gpu, Trace};

/// Memory was taken or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryChange {
    /// When, in nanoseconds since the Unix epoch.
    pub(super) at: u64,
    /// The thread that called CUDA, by the operating system's id.
    pub(super) thread: u32,
    /// On which device.
    pub(super) device: u32,
    /// Where on it.
    pub(super) address: u64,
    /// How much; negative if it was given back.
    pub(super) bytes: i64,
    /// What the device has given since the recording began, afterwards.
    pub(super) total: u64,
}

/// Visits every change in the order of time. What was taken before the recording is not part of the totals, so its
/// return is left out.
pub(super) fn walk(trace: &Trace, gpu: &Gpu, mut visit: impl FnMut(&MemoryChange)) {
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
            -i64::try_from(bytes).unwrap_or(i64::MAX)
        } else {
            live.insert((each.device, each.address), each.bytes);
            *total += each.bytes;
            i64::try_from(each.bytes).unwrap_or(i64::MAX)
        };
        visit(&MemoryChange {
            at: each.at,
            thread: callers.get(&each.correlation).copied().unwrap_or(trace.context.pid),
            device: each.device,
            address: each.address,
            bytes,
            total: *total,
        });
    }
}
