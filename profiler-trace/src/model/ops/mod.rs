//! Operator tables: how often and for how long everything ran, grouped by name, by name and input
//! shapes, or by name and call stack.
//!
//! One pass over the slices builds a group per name, shapes and stack. [`OpTable::rows`] merges
//! these groups for a particular table, so every table has the same sums. CPU times are those of
//! the threads' slices: an async range is one row with the time of its polls and, separately, its
//! life; the iterations between bare `next_step()` calls have rows of their own. The sum of all
//! self times is therefore exactly the time in which the threads ran a range. Where overlapping
//! guards are siblings, both have the time that they share, but the total counts it once and never
//! exceeds the threads' time.

mod builder;
mod complete;
mod launched;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod launched_tests;
mod rows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use profiler_core::site::Kind;

use super::values::NetBytes;

pub use rows::{GroupBy, KeyAverage};

pub(in crate::model) use builder::OpsBuilder;

/// Groups from which all operator tables of a recording are made.
#[derive(Clone, Default)]
pub(crate) struct OpTable {
    pub(super) groups: Vec<Group>,
    /// Distinct frames of call stacks.
    pub(super) frames: Vec<String>,
    /// Calls that were counted without their shapes or stack because there were too many groups.
    pub(crate) merged_calls: u64,
    /// True if a stage, step or request ran inside another of its name on the same thread, so that
    /// both totals include the inner time.
    pub(crate) nested: bool,
    /// The same for ops.
    pub(crate) nested_ops: bool,
    /// Time in which threads ran at least one range, summed over threads: the sum of all self
    /// times, unless siblings overlap.
    pub(crate) busy_ns: u64,
    /// True if memory of the host, and of devices, was recorded; otherwise its numbers are unknown
    /// rather than 0.
    pub(super) has_memory: (bool, bool),
    /// Coverage of GPU times.
    pub(crate) gpu: GpuCoverage,
}

/// Coverage of GPU times in operator tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GpuCoverage {
    /// The GPU was recorded.
    Recorded,
    /// There is no GPU or it was not requested; the host time of ops is their complete time.
    #[default]
    NoGpu,
    /// There is a GPU but it could not be recorded, so the complete time of ops is unknown.
    Unrecorded,
}

/// Calls with the same name, input shapes and call stack; or the runs of one kernel.
#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) name: Cow<'static, str>,
    /// Kind of the range; `None` for GPU work.
    pub(super) kind: Option<Kind>,
    pub(super) is_async: bool,
    pub(super) inputs: Box<[Box<[u64]>]>,
    /// Frames, leaf first, as indices of [`OpTable::frames`].
    pub(super) stack: Box<[u32]>,
    pub(super) sums: Sums,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) count: u64,
    /// Time in no slice inside the calls.
    pub(crate) self_ns: u64,
    /// Time from start to end of each call; a call inside another of the same name counts in both.
    pub(crate) total_ns: u64,
    /// Floating point operations of the calls with a FLOP count.
    pub(crate) flops: u64,
    /// Number of calls with a FLOP count.
    pub(crate) calls_with_flops: u64,
    /// Time of the calls with a FLOP count; polls of async ranges are not included.
    pub(crate) flops_ns: u64,
    /// Number of [`calls_with_flops`](Self::calls_with_flops) whose time is unknown.
    pub(crate) untimed_flops: u64,
    /// Wall time of async ranges from first poll to end, and of bare steps from one to the next. It
    /// is not CPU time.
    pub(crate) wall_ns: u64,
    /// Number of polls.
    pub(crate) polls: u64,
    /// CPU time of the threads in the calls, where measured.
    pub(crate) thread_cpu_ns: Option<u64>,
    /// Change of host memory.
    pub(crate) cpu_memory: NetBytes,
    /// Change of device memory.
    pub(crate) device_memory: NetBytes,
    /// Time of the GPU work that the calls launched themselves; concurrent kernels count
    /// individually.
    pub(crate) gpu_self_ns: u64,
    /// Time of the GPU work that the calls and the ranges inside them launched.
    pub(crate) gpu_total_ns: u64,
    /// Number of calls with a FLOP count that launched GPU work.
    pub(crate) flops_on_gpu: u64,
    /// Time of the GPU work of these calls.
    pub(crate) flops_gpu_ns: u64,
}

impl Sums {
    /// Adds the sums of another group.
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.self_ns += other.self_ns;
        self.total_ns += other.total_ns;
        self.flops = self.flops.saturating_add(other.flops);
        self.calls_with_flops += other.calls_with_flops;
        self.flops_ns += other.flops_ns;
        self.untimed_flops += other.untimed_flops;
        self.wall_ns += other.wall_ns;
        self.polls += other.polls;
        self.add_thread_cpu(other.thread_cpu_ns);
        self.cpu_memory.add(other.cpu_memory);
        self.device_memory.add(other.device_memory);
        self.gpu_self_ns += other.gpu_self_ns;
        self.gpu_total_ns += other.gpu_total_ns;
        self.flops_on_gpu += other.flops_on_gpu;
        self.flops_gpu_ns += other.flops_gpu_ns;
    }

    #[inline]
    pub(super) fn add_thread_cpu(&mut self, ns: Option<u64>) {
        if let Some(ns) = ns {
            self.thread_cpu_ns = Some(self.thread_cpu_ns.unwrap_or(0) + ns);
        }
    }
}

impl OpTable {
    /// Returns the number of distinct combinations of name, shapes and stack: the maximum number of
    /// rows of a table.
    pub(crate) const fn group_count(&self) -> usize {
        self.groups.len()
    }
}

impl fmt::Debug for OpTable {
    /// Formats only the size, because the table is part of a manifest, which users print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpTable").field("groups", &self.groups.len()).finish_non_exhaustive()
    }
}
