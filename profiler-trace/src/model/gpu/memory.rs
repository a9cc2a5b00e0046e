//! Device memory that the program took from CUDA and gave back, as its source told: on the recording's clock, inside the call
//! that did it, each release with the size of its block.
//!
//! Pools take large pieces and hand out small ones, so this is what PyTorch calls reserved memory. Host memory that CUDA
//! pins is not among it.

use std::collections::HashMap;

use crate::records::gpu::MemoryOp;

use super::PlacedCall;

/// A block that was taken or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// When, in nanoseconds since the Unix epoch.
    pub(crate) at: u64,
    /// Device that it is on.
    pub(crate) device: profiler_core::Device,
    /// Address on the device.
    pub(crate) address: u64,
    /// Size of the block.
    pub(crate) bytes: u64,
    /// Given back.
    pub(crate) is_free: bool,
    /// Thread that called CUDA, by the operating system's id; `None` if its call is not known.
    pub(crate) thread: Option<u32>,
    /// `External id` of the range around the call, 0 without one.
    pub(crate) external_id: u64,
}

impl Taken {
    /// Returns by how much the device's total changes.
    pub(crate) fn change(&self) -> i64 {
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        if self.is_free { -bytes } else { bytes }
    }
}

/// Puts records in order and together with their calls. What was taken before the recording is not known when it is given
/// back: that release is left out. A block at an address that is in use shows that a release is missing: it is made up.
pub(super) fn taken(mut records: Vec<MemoryOp>, calls: &[PlacedCall]) -> Vec<Taken> {
    records.retain(|each| !each.kind.is_on_host());
    records.sort_by_key(|each| each.at);
    let calls: HashMap<u32, &PlacedCall> = calls.iter().rev().map(|placed| (placed.call.correlation, placed)).collect();
    let mut live: HashMap<(u32, u64), u64> = HashMap::new();
    let mut all = Vec::with_capacity(records.len());
    for each in records {
        let block = (each.device, each.address);
        let call = calls.get(&each.correlation).map(|placed| (placed.call, placed.external_id));
        let mut push = |bytes, is_free| {
            let device = profiler_core::Device::Cuda(u8::try_from(each.device).unwrap_or(u8::MAX));
            // Its thread's ranges do not begin or end inside the call.
            let at = call.map_or(each.at, |(call, _)| each.at.min(call.end.saturating_sub(1)).max(call.begin));
            let (thread, external_id) = (call.map(|(call, _)| call.thread), call.map_or(0, |(_, id)| id));
            all.push(Taken { at, device, address: each.address, bytes, is_free, thread, external_id });
        };
        if let Some(bytes) = live.remove(&block) {
            push(bytes, true);
        }
        if !each.is_free {
            live.insert(block, each.bytes);
            push(each.bytes, false);
        }
    }
    all.sort_by_key(|each| each.at);
    all
}
