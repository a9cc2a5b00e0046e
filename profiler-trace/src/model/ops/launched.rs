//! GPU times in operator tables: the work that each range launched, and one row per kind of work.
//!
//! A range's own share is the work that it launched itself; its total adds the work of the ranges
//! inside it. As with memory, work belongs to the innermost range at its launch. Times are sums, as
//! in PyTorch: concurrent kernels count individually. The rows of kernels therefore add up to the
//! trace's kernels, and the ranges' own shares to the kernels that a range launched, both exactly.

use std::collections::HashMap;

use crate::model::gpu::{Gpu, PlacedOp};
use crate::model::steps::Step;
use crate::records::gpu::{CopyKind, MemoryKind, Work};

use super::{Group, Sums};

/// GPU time, and device memory allocated minus freed, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) ns: u64,
    pub(super) bytes: i64,
}

impl Share {
    const fn add(&mut self, other: Self) {
        self.ns += other.ns;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    const fn is_zero(self) -> bool {
        self.ns == 0 && self.bytes == 0
    }
}

/// Shares of ranges, consumed in order of the ranges' ends.
#[derive(Default)]
pub(super) struct Launched {
    /// Work that ranges launched themselves, by `External id`.
    own: HashMap<u64, Share>,
    /// Work that inner ranges launched, by the `External id` of the range around them, which is
    /// still open.
    inside: HashMap<u64, Share>,
}

impl Launched {
    /// Creates the shares from the GPU's records. `with_memory` includes CUDA's own records of
    /// device memory; where a framework reports its tensors, the pools behind them must not be
    /// counted again.
    pub(super) fn new(gpu: &Gpu, with_memory: bool) -> Self {
        let mut launched = Self::default();
        for PlacedOp { op, external_id, .. } in gpu.ops.iter().filter(|placed| placed.external_id > 0) {
            launched.own.entry(*external_id).or_default().ns += op.end.saturating_sub(op.begin);
        }
        if with_memory {
            launched.add_memory(gpu);
        }
        launched
    }

    fn add_memory(&mut self, gpu: &Gpu) {
        for each in gpu.memory.iter().filter(|each| each.external_id > 0) {
            let own = self.own.entry(each.external_id).or_default();
            own.bytes = own.bytes.saturating_add(each.allocation.change());
        }
    }

    /// Returns a range's own share, and its total with those of the ranges inside it, which must
    /// have ended before.
    pub(super) fn end(&mut self, external_id: u64, around_id: u64) -> (Share, Share) {
        let own = self.own.get(&external_id).copied().unwrap_or_default();
        let mut total = self.inside.remove(&external_id).unwrap_or_default();
        total.add(own);
        if !total.is_zero() {
            self.inside.entry(around_id).or_default().add(total);
        }
        (own, total)
    }
}

/// Returns the GPU time of work launched by any thread between bare `next_step()` calls. `steps`
/// are sorted.
pub(super) fn time_in_steps(gpu: &Gpu, steps: &[Step]) -> u64 {
    let calls: HashMap<u32, u64> =
        gpu.calls.iter().rev().map(|placed| (placed.call.correlation, placed.call.begin)).collect();
    let is_in_step = |at: u64| {
        let next = steps.partition_point(|step| step.begin <= at);
        next > 0 && at < steps[next - 1].end
    };
    let ops = gpu.ops.iter().map(|placed| placed.op);
    ops.filter(|op| calls.get(&op.correlation).is_some_and(|at| is_in_step(*at)))
        .map(|op| op.end.saturating_sub(op.begin))
        .sum()
}

/// Key of the work that forms one row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum WorkKind {
    Kernel(u32),
    Copy(CopyKind, MemoryKind, MemoryKind),
    Fill(MemoryKind),
}

/// Returns a group per kernel, and per kind of copy and fill.
pub(super) fn groups(gpu: &Gpu) -> Vec<Group> {
    let mut indices: HashMap<WorkKind, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for PlacedOp { op, .. } in &gpu.ops {
        let kind = match op.work {
            Work::Kernel(kernel) => WorkKind::Kernel(kernel.name),
            Work::Copy { kind, from, to, .. } => WorkKind::Copy(kind, from, to),
            Work::Fill { memory, .. } => WorkKind::Fill(memory),
        };
        let index = *indices.entry(kind).or_insert_with(|| {
            let name = gpu.name_of(&op.work).into_owned().into();
            groups.push(Group { name, ..Group::default() });
            groups.len() - 1
        });
        let ns = op.end.saturating_sub(op.begin);
        let sums = &mut groups[index].sums;
        sums.add(&Sums { count: 1, gpu_self_ns: ns, gpu_total_ns: ns, ..Sums::default() });
    }
    groups
}
