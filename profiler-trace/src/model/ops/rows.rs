//! Rows of an operator table: groups merged by the key of one table.

use std::collections::HashMap;
use std::time::Duration;

use profiler_core::site::Kind;

use super::{GpuCoverage, Group, OpTable, Sums};

/// Key by which calls form the rows of an operator table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupBy {
    /// The name.
    #[default]
    Name,
    /// The name and input shapes. Without `torch_profiler_record_shapes`, the same as
    /// [`Name`](Self::Name).
    InputShapes,
    /// The name and the given number of innermost stack frames. Without
    /// `torch_profiler_with_stack`, the same as [`Name`](Self::Name).
    Stack(usize),
}

/// One row of an operator table: calls with the same name (and shapes, or stack); or all runs of a
/// kernel, or of a kind of copy or fill.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyAverage {
    /// Name of the range; `ProfilerStep*` for all iterations of the loop that drove the schedule.
    pub name: String,
    /// Number of calls; for an async range the number of its lives, not of its polls.
    pub count: u64,
    /// Time outside of all inner ranges: wall time on the thread, as in PyTorch. An async range, or
    /// a guard held over `.await`, counts only in polls, because waiting takes no CPU time. All
    /// rows add up to the time of the outermost ranges.
    pub self_cpu_time: Duration,
    /// Time from start to end; for an async range, in its polls. A call inside another of the same
    /// name counts in both, as in PyTorch. For the iterations between bare `next_step()` calls, the
    /// time in which threads ran ranges.
    pub cpu_time: Duration,
    /// Time of the GPU work (kernels, copies, fills) that it launched itself; concurrent work
    /// counts individually. `None` if the GPU was not recorded.
    pub self_cuda_time: Option<Duration>,
    /// Time of the GPU work that it and the ranges inside it launched. For the iterations between
    /// bare `next_step()` calls, of all work launched during them.
    pub cuda_time: Option<Duration>,
    /// Host memory allocated minus freed outside of all inner ranges, in bytes. `None` if memory
    /// was not recorded.
    pub self_cpu_memory: Option<i64>,
    /// Host memory allocated minus freed from start to end, in bytes.
    pub cpu_memory: Option<i64>,
    /// Device memory allocated minus freed outside of all inner ranges, in bytes: as reported with
    /// [`record_alloc`](profiler_core::memory::record_alloc), otherwise as CUDA recorded it. `None`
    /// if neither exists.
    pub self_cuda_memory: Option<i64>,
    /// Device memory allocated minus freed from start to end, in bytes.
    pub cuda_memory: Option<i64>,
    /// Dims of each input; only in a table [by shapes](GroupBy::InputShapes).
    pub input_shapes: Option<Vec<Vec<u64>>>,
    /// Call stack, innermost frame first; only in a table [by stack](GroupBy::Stack).
    pub stack: Vec<String>,
    /// True for an async range, whose life is [`wall_time`](Self::wall_time).
    pub is_async: bool,
    /// True for GPU work: a kernel, a copy or a fill. It has no CPU time. The ranges that launched
    /// it include its CUDA time in theirs.
    pub is_cuda: bool,
    /// True for an op, false for a stage, a step or a request.
    pub is_op: bool,
    /// Floating point operations of all calls with a formula; `None` if none has one, or FLOPs were
    /// not recorded.
    pub flops: Option<u64>,
    /// Number of calls with a formula.
    pub calls_with_flops: u64,
    /// Number of calls of ops without a formula.
    pub calls_without_flops: u64,
    /// Floating point operations per second over the calls with a formula: of GPU time if they
    /// launched GPU work, otherwise of CPU time. `None` if that time is unknown: for async ops, for
    /// ops of which only some calls launched GPU work, and if there is a GPU that was not recorded.
    pub flops_per_second: Option<f64>,
    /// Kind of the range; ranges of the same name but different kinds have separate rows. `None`
    /// for GPU work.
    pub kind: Option<Kind>,
    /// Wall time, waiting included: of an async range from first poll to end, or of the iterations
    /// between bare `next_step()` calls from one call to the next. `None` for other rows, whose CPU
    /// time is their wall time.
    pub wall_time: Option<Duration>,
    /// Number of polls of an async range; 0 for others.
    pub polls: u64,
    /// CPU time of the threads during the calls of stages and steps, with `cpu_time`; `None` if it
    /// was not measured.
    pub thread_cpu_time: Option<Duration>,
}

/// Key that the calls of one row share.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    name: &'a str,
    kind: Option<Kind>,
    is_async: bool,
    inputs: &'a [Box<[u64]>],
    stack: &'a [u32],
}

impl GroupBy {
    fn key<'a>(self, group: &'a Group) -> Key<'a> {
        let inputs = if self == Self::InputShapes { &*group.inputs } else { &[] };
        let depth = if let Self::Stack(depth) = self { depth.min(group.stack.len()) } else { 0 };
        let Group { name, kind, is_async, .. } = group;
        Key { name, kind: *kind, is_async: *is_async, inputs, stack: &group.stack[..depth] }
    }
}

/// A row under construction.
struct Merged<'a> {
    key: Key<'a>,
    sums: Sums,
}

impl OpTable {
    /// Returns the rows in descending order of self time. Costs one hash per group, independent of
    /// the number of calls.
    pub(crate) fn rows(&self, by: GroupBy) -> Vec<KeyAverage> {
        let mut indices = HashMap::new();
        let mut merged: Vec<Merged<'_>> = Vec::new();
        for group in &self.groups {
            let index = *indices.entry(by.key(group)).or_insert_with(|| {
                merged.push(Merged { key: by.key(group), sums: Sums::default() });
                merged.len() - 1
            });
            merged[index].sums.add(&group.sums);
        }
        let mut rows: Vec<KeyAverage> = merged.into_iter().map(|merged| self.row(by, &merged)).collect();
        rows.sort_by(|one, other| {
            let by_cuda = || other.self_cuda_time.cmp(&one.self_cuda_time);
            let by_time = other.self_cpu_time.cmp(&one.self_cpu_time).then_with(by_cuda);
            by_time.then_with(|| one.name.cmp(&other.name))
        });
        rows
    }

    fn row(&self, by: GroupBy, merged: &Merged<'_>) -> KeyAverage {
        let Merged { key, sums } = merged;
        let (is_cuda, is_op) = (key.kind.is_none(), key.kind == Some(Kind::Op));
        let op_calls = if is_op { sums.count } else { 0 };
        let (has_cpu, has_device) = self.has_memory;
        let has_flops = sums.calls_with_flops > 0;
        let has_gpu = self.gpu == GpuCoverage::Recorded;
        // Only ranges have memory, kernels do not.
        let (has_cpu, has_device) = (has_cpu && !is_cuda, has_device && !is_cuda);
        KeyAverage {
            name: key.name.to_owned(),
            count: sums.count,
            self_cpu_time: Duration::from_nanos(sums.self_ns),
            cpu_time: Duration::from_nanos(sums.total_ns),
            self_cuda_time: has_gpu.then(|| Duration::from_nanos(sums.gpu_self_ns)),
            cuda_time: has_gpu.then(|| Duration::from_nanos(sums.gpu_total_ns)),
            self_cpu_memory: has_cpu.then_some(sums.cpu_memory.own),
            cpu_memory: has_cpu.then_some(sums.cpu_memory.total),
            self_cuda_memory: has_device.then_some(sums.device_memory.own),
            cuda_memory: has_device.then_some(sums.device_memory.total),
            input_shapes: (by == GroupBy::InputShapes).then(|| key.inputs.iter().map(|dims| dims.to_vec()).collect()),
            stack: key.stack.iter().filter_map(|&frame| self.frames.get(frame as usize).cloned()).collect(),
            is_async: key.is_async,
            is_cuda,
            is_op,
            flops: has_flops.then_some(sums.flops),
            calls_with_flops: sums.calls_with_flops,
            calls_without_flops: op_calls.saturating_sub(sums.calls_with_flops),
            flops_per_second: self.flops_ns(sums).map(|ns| sums.flops as f64 * 1e9 / ns as f64),
            kind: key.kind,
            wall_time: (sums.wall_ns > 0).then(|| Duration::from_nanos(sums.wall_ns)),
            polls: sums.polls,
            thread_cpu_time: sums.thread_cpu_ns.map(Duration::from_nanos),
        }
    }

    /// Returns the time of the counted FLOPs, if known.
    fn flops_ns(&self, sums: &Sums) -> Option<u64> {
        if sums.calls_with_flops == 0 || sums.untimed_flops > 0 {
            return None;
        }
        let ns = match (self.gpu, sums.flops_on_gpu) {
            (GpuCoverage::Unrecorded, _) => 0,
            (_, 0) => sums.flops_ns,
            (_, calls) if calls == sums.calls_with_flops => sums.flops_gpu_ns,
            _ => 0,
        };
        (ns > 0).then_some(ns)
    }
}
