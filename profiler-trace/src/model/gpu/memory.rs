//! Device memory that the program allocated from CUDA, as the GPU source recorded it. Each record
//! is put on the recording's clock and inside its call, and each release gets the size of its
//! block.
//!
//! Pools allocate large blocks and hand out small ones, so this is what PyTorch calls reserved
//! memory. Host memory that CUDA pins is not included.

use std::collections::HashMap;

use profiler_core::memory::{Action, Device};

use crate::model::memory::{Allocation, Reporter};
use crate::model::stages::StageTree;
use crate::records::gpu::MemoryOp;

use super::{CudaAllocation, PlacedCall};

/// Sorts records and joins them to their calls. The release of a block from before the recording is
/// left out, because its size is unknown. If a block appears at an address already in use, its
/// release is missing and is added.
pub(super) fn allocations(mut records: Vec<MemoryOp>, calls: &[PlacedCall]) -> Vec<CudaAllocation> {
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
            // None of the thread's ranges starts or ends inside the call.
            let at = call.map_or(each.at, |(call, _)| each.at.min(call.end.saturating_sub(1)).max(call.begin));
            let (thread, external_id) = (call.map(|(call, _)| call.thread), call.map_or(0, |(_, id)| id));
            let (reporter, address, before, node) = (Reporter::Cuda, each.address, (0, 0), StageTree::ROOT);
            let allocation = Allocation { at, action, reporter, device, address, bytes, before, node };
            all.push(CudaAllocation { allocation, thread, external_id });
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
