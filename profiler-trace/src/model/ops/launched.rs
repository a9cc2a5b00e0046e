//! The GPU's part of operator tables: the time of the work that each range launched, and a row per
//! kind of work.
//!
//! A range's own share is the work whose call it made itself, its total that and what the ranges
//! inside it launched; like memory, a share goes to the range that is innermost when it ends. Times
//! are sums, as in PyTorch: kernels that run at the same time count each. So the rows of kernels
//! add up to the trace's kernels, and the own shares of ranges to those that a range launched, both
//! to the nanosecond.

use std::collections::HashMap;

use crate::model::gpu::{Gpu, PlacedOp};
use crate::model::steps::Step;
use crate::records::gpu::{CopyKind, MemoryKind, Work};

use super::{Group, Sums};

/// GPU time, and bytes of device memory taken minus those given back.
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

    const fn is_nothing(self) -> bool {
        self.ns == 0 && self.bytes == 0
    }
}

/// The shares of ranges, in the order in which they ended.
#[derive(Default)]
pub(super) struct Launched {
    /// Share of the work that ranges launched themselves, by `External id`.
    own: HashMap<u64, Share>,
    /// Share of the work that inner ranges launched, by the `External id` of a range that has not
    /// ended.
    inside: HashMap<u64, Share>,
}

impl Launched {
    /// Creates the shares from the GPU's records. `with_memory` says whether CUDA's own record of
    /// device memory counts: where a framework reports its tensors, the pools behind them are not
    /// counted again.
    pub(super) fn new(gpu: &Gpu, with_memory: bool) -> Self {
        let mut launched = Self::default();
        for PlacedOp { op, external_id, .. } in gpu.ops.iter().filter(|placed| placed.external_id > 0) {
            launched.own.entry(*external_id).or_default().ns += op.end.saturating_sub(op.begin);
        }
        if with_memory {
            launched.take_memory(gpu);
        }
        launched
    }

    fn take_memory(&mut self, gpu: &Gpu) {
        for each in gpu.memory.iter().filter(|each| each.external_id > 0) {
            let own = self.own.entry(each.external_id).or_default();
            own.bytes = own.bytes.saturating_add(each.allocation.change());
        }
    }

    /// Returns the shares of a range, after those of the ranges that ended before it: its own, and
    /// with inner ranges'.
    pub(super) fn end(&mut self, external_id: u64, around_id: u64) -> (Share, Share) {
        let own = self.own.get(&external_id).copied().unwrap_or_default();
        let mut total = self.inside.remove(&external_id).unwrap_or_default();
        total.add(own);
        if !total.is_nothing() {
            self.inside.entry(around_id).or_default().add(total);
        }
        (own, total)
    }
}

/// Returns the GPU time of work launched, by any thread, between bare `next_step()` calls. `steps`
/// are in order.
pub(super) fn of_steps(gpu: &Gpu, steps: &[Step]) -> u64 {
    let calls: HashMap<u32, u64> =
        gpu.calls.iter().rev().map(|placed| (placed.call.correlation, placed.call.begin)).collect();
    let in_a_step = |at: u64| {
        let next = steps.partition_point(|step| step.begin <= at);
        next > 0 && at < steps[next - 1].end
    };
    let ops = gpu.ops.iter().map(|placed| placed.op);
    ops.filter(|op| calls.get(&op.correlation).is_some_and(|at| in_a_step(*at)))
        .map(|op| op.end.saturating_sub(op.begin))
        .sum()
}

/// The kind of work under one name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Kernel(u32),
    Copy(CopyKind, MemoryKind, MemoryKind),
    Fill(MemoryKind),
}

/// Returns a group for each kernel, and for each kind of copy and fill.
pub(super) fn groups(gpu: &Gpu) -> Vec<Group> {
    let mut places: HashMap<Kind, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for PlacedOp { op, .. } in &gpu.ops {
        let kind = match op.work {
            Work::Kernel(kernel) => Kind::Kernel(kernel.name),
            Work::Copy { kind, from, to, .. } => Kind::Copy(kind, from, to),
            Work::Fill { memory, .. } => Kind::Fill(memory),
        };
        let place = *places.entry(kind).or_insert_with(|| {
            let name = gpu.name_of(&op.work).into_owned().into();
            groups.push(Group { name, ..Group::default() });
            groups.len() - 1
        });
        let ns = op.end.saturating_sub(op.begin);
        let sums = &mut groups[place].sums;
        sums.add(&Sums { count: 1, gpu_self_ns: ns, gpu_total_ns: ns, ..Sums::default() });
    }
    groups
}
