//! Operator tables: how often and how long everything ran, by name, by name and input shapes, by
//! name and call stack.
//!
//! One pass over the slices gathers a group per name, shapes and stack; [`OpTable::rows`] merges
//! the groups as a table wants them, so that every table has the same sums. CPU times are those of
//! the threads' slices: an async range is one row with the time of its polls, its life is told
//! beside that, and what ran between bare `next_step()` calls has its own rows. So the sum of all
//! self times is the time in which the threads ran a range, to the nanosecond; where guards that
//! overlap are siblings, each has the time of both, and the total still counts it once: it is never
//! more than the threads had.

mod gather;
mod launched;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod launched_tests;
mod rows;
mod settle;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use profiler_core::site::Kind;

use super::values::NetBytes;

pub use rows::{GroupBy, KeyAverage};

pub(in crate::model) use gather::Gatherer;

/// The groups from which all operator tables of a recording are made.
#[derive(Clone, Default)]
pub(crate) struct OpTable {
    pub(super) groups: Vec<Group>,
    /// Frames of call stacks, each once.
    pub(super) frames: Vec<String>,
    /// Calls whose shapes or stack found no group of their own.
    pub(crate) merged_calls: u64,
    /// True if a call of a stage, step or request lies in another of the same name on its thread,
    /// and whether one of an op does: their totals have the time of both.
    pub(crate) nested: bool,
    pub(crate) nested_ops: bool,
    /// Time in which threads ran at least one range, each thread by itself: the sum of all self
    /// times, unless siblings overlap.
    pub(crate) busy_ns: u64,
    /// True if memory of the host was recorded, and of devices: else its numbers are unknown, not
    /// 0.
    pub(super) has_memory: (bool, bool),
    /// Knowledge of the GPU's times.
    pub(crate) gpu: GpuKnowledge,
}

/// True if a table has GPU times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GpuKnowledge {
    /// The GPU was recorded.
    Recorded,
    /// There is no GPU, or nobody asked: the time of ops on the host is their whole time.
    #[default]
    NoGpu,
    /// There is a GPU that could not be recorded: the time of ops is not known.
    Hidden,
}

/// Calls of one name with one list of input shapes and one call stack; or the runs of one kernel.
#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) name: Cow<'static, str>,
    /// Kind of the range; `None` for work of a GPU.
    pub(super) kind: Option<Kind>,
    pub(super) is_async: bool,
    pub(super) inputs: Box<[Box<[u64]>]>,
    /// Frames, leaf first, as indices of [`OpTable::frames`].
    pub(super) stack: Box<[u32]>,
    pub(super) sums: Sums,
}

/// The sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) count: u64,
    /// Time in no slice inside them.
    pub(crate) self_ns: u64,
    /// Time from begin to end of each call: one inside another of the same name counts in both.
    pub(crate) total_ns: u64,
    /// Floating point operations of the calls that gave a number.
    pub(crate) flops: u64,
    /// Number of calls that gave a number of FLOPs.
    pub(crate) calls_with_flops: u64,
    /// Time of these calls; the time of an async range's polls is not its time.
    pub(crate) flops_ns: u64,
    /// Number of [`calls_with_flops`](Self::calls_with_flops) whose time is not known.
    pub(crate) untimed_flops: u64,
    /// Wall time of async ranges from the first poll to the end, and of bare steps from one to the
    /// next: no CPU time.
    pub(crate) wall_ns: u64,
    /// Number of polls.
    pub(crate) polls: u64,
    /// CPU time of the threads in the calls for which it was measured.
    pub(crate) thread_cpu_ns: Option<u64>,
    /// Memory of the host.
    pub(crate) cpu_memory: NetBytes,
    /// Memory of devices.
    pub(crate) device_memory: NetBytes,
    /// Time of GPU work that they launched themselves, each kernel by itself.
    pub(crate) gpu_self_ns: u64,
    /// Time of GPU work that they and the ranges inside them launched.
    pub(crate) gpu_total_ns: u64,
    /// Number of the calls with FLOPs that launched GPU work; then that work's time.
    pub(crate) flops_on_gpu: u64,
    pub(crate) flops_gpu_ns: u64,
}

impl Sums {
    /// Adds another group's sums.
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
    /// Returns how many different names, shapes and stacks the calls have: the most rows that a
    /// table of them can have.
    pub(crate) const fn group_count(&self) -> usize {
        self.groups.len()
    }
}

impl fmt::Debug for OpTable {
    /// Writes only its size: it is part of a manifest, which people print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpTable").field("groups", &self.groups.len()).finish_non_exhaustive()
    }
}
