//! Device memory that the program took from CUDA and gave back, as its source reported it: on the
//! recording's clock, inside the call that did it, each release with the size of its block.
//!
//! Pools take large pieces and hand out small ones, so this is what PyTorch calls reserved memory.
//! Host memory that CUDA pins is not among it.

use std::collections::HashMap;

use profiler_core::memory::{Action, Device};

use crate::model::memory::{Allocation, Reporter};
use crate::model::stages::StageTree;
use crate::records::gpu::MemoryOp;

use super::{PlacedCall, Taken};

/// Puts records in order and together with their calls. The release of memory from before the
/// recording has no known size: it is left out. A block at an address that is in use shows that a
/// release is missing: one is added.
pub(super) fn taken(mut records: Vec<MemoryOp>, calls: &[PlacedCall]) -> Vec<Taken> {
    records.retain(|each| !each.kind.is_on_host());
    records.sort_by_key(|each| each.at);
    let calls: HashMap<u32, &PlacedCall> = calls.iter().rev().map(|placed| (placed.call.correlation, placed)).collect();
    let mut live: HashMap<(u32, u64), u64> = HashMap::new();
    let mut all = Vec::with_capacity(records.len());
    for each in records {
        let block = (each.device, each.address);
        let call = calls.get(&each.correlation).map(|placed| (placed.call, placed.external_id));
        let mut push = |bytes, action| {
            let device = Device::Cuda(u8::try_from(each.device).unwrap_or(u8::MAX));
            // The thread's ranges do not begin or end inside the call.
            let at = call.map_or(each.at, |(call, _)| each.at.min(call.end.saturating_sub(1)).max(call.begin));
            let (thread, external_id) = (call.map(|(call, _)| call.thread), call.map_or(0, |(_, id)| id));
            let (reporter, address, before, node) = (Reporter::Cuda, each.address, (0, 0), StageTree::ROOT);
            let allocation = Allocation { at, action, reporter, device, address, bytes, before, node };
            all.push(Taken { allocation, thread, external_id });
        };
        if let Some(bytes) = live.remove(&block) {
            push(bytes, Action::Free);
        }
        if !each.is_free {
            live.insert(block, each.bytes);
            push(each.bytes, Action::Alloc);
        }
    }
    all.sort_by_key(|each| each.allocation.at);
    all
}
