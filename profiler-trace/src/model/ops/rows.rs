//! The rows of an operator table: the gathered groups, merged as one table wants them.

use std::collections::HashMap;
use std::time::Duration;

use profiler_core::site::Kind;

use super::{GpuKnowledge, Group, OpTable, Sums};

/// The calls that form one row of an operator table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupBy {
    /// Calls of one name.
    #[default]
    Name,
    /// Calls of one name with the same input shapes. Without `torch_profiler_record_shapes` these
    /// are all of a name.
    InputShapes,
    /// Calls of one name whose innermost so many stack frames are the same. Without
    /// `torch_profiler_with_stack` these are all of a name.
    Stack(usize),
}

/// One row of an operator table: all calls of one name, or of one name and shapes or stack; or all
/// runs of a kernel, or of a kind of copy or fill, on the GPU.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyAverage {
    /// Name of the range; `ProfilerStep*` for all iterations of the loop that drove the schedule.
    pub name: String,
    /// Number of calls; for an async range, which has many polls, of its lives.
    pub count: u64,
    /// Time in nothing else that was recorded: wall time on the thread, as in PyTorch; for an async
    /// range, or a guard held over `.await`, in polls alone: waiting is no CPU time. All rows add
    /// up to the time of the outermost ranges.
    pub self_cpu_time: Duration,
    /// Time from begin to end, for an async range in its polls. A call inside another of the same
    /// name counts in both, as in PyTorch. For the iterations between bare `next_step()` calls: the
    /// time that threads ran ranges meanwhile.
    pub cpu_time: Duration,
    /// Time of the GPU work that it launched itself: of kernels, copies and fills, each counted by
    /// itself, also where they ran at the same time. `None` if the GPU was not recorded.
    pub self_cuda_time: Option<Duration>,
    /// Time of the GPU work that it and the ranges inside it launched. For the iterations between
    /// bare `next_step()` calls: of the work launched meanwhile.
    pub cuda_time: Option<Duration>,
    /// Bytes of the host that it allocated minus those it freed, outside of anything else that was
    /// recorded. `None` if memory was not recorded.
    pub self_cpu_memory: Option<i64>,
    /// Bytes of the host from begin to end, likewise.
    pub cpu_memory: Option<i64>,
    /// Bytes of devices that it allocated minus those it freed, outside of anything else that was
    /// recorded: reported with [`record_alloc`](profiler_core::memory::record_alloc), else CUDA's
    /// own records. `None` if none were recorded.
    pub self_cuda_memory: Option<i64>,
    /// Bytes of devices from begin to end, likewise.
    pub cuda_memory: Option<i64>,
    /// Dims of each input; only in a table [by shapes](GroupBy::InputShapes).
    pub input_shapes: Option<Vec<Vec<u64>>>,
    /// Call stack, innermost frame first; only in a table [by stack](GroupBy::Stack).
    pub stack: Vec<String>,
    /// True if it is an async range: then [`wall_time`](Self::wall_time) is how long it lived.
    pub is_async: bool,
    /// True if it is work of the GPU: a kernel, a copy or a fill. Then it has no CPU time, and its
    /// CUDA times are those of the work itself, which the ranges that launched it show a second
    /// time.
    pub is_cuda: bool,
    /// True if it is an op, rather than a stage, a step or a request.
    pub is_op: bool,
    /// Floating point operations of all calls that gave a formula; `None` if none did, or FLOPs
    /// were not recorded.
    pub flops: Option<u64>,
    /// Number of calls that gave a formula.
    pub calls_with_flops: u64,
    /// Number of calls of ops that gave none.
    pub calls_without_flops: u64,
    /// Floating point operations per second, over the calls that gave a formula: of GPU time if
    /// they launched GPU work, else of CPU time. `None` where their time is not known: for an async
    /// op, for one that launched GPU work in some calls only, and where there is a GPU that was not
    /// recorded.
    pub flops_per_second: Option<f64>,
    /// Kind of the range: ranges of one name and two kinds are two rows. `None` for work of the
    /// GPU.
    pub kind: Option<Kind>,
    /// Wall time of an async range from its first poll to its end, and of the iterations between
    /// bare `next_step()` calls from one to the next: waiting included. `None` for others, whose
    /// CPU time it is.
    pub wall_time: Option<Duration>,
    /// Number of polls of an async range; 0 for others.
    pub polls: u64,
    /// CPU time of its threads while it was open, for stages and steps under `cpu_time`; `None`
    /// where not measured.
    pub thread_cpu_time: Option<Duration>,
}

/// The key that calls of one row share.
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
    /// Returns the rows, the longest self time first. Costs a hash per group, whatever the number
    /// of calls.
    pub(crate) fn rows(&self, by: GroupBy) -> Vec<KeyAverage> {
        let mut places = HashMap::new();
        let mut merged: Vec<Merged<'_>> = Vec::new();
        for group in &self.groups {
            let place = *places.entry(by.key(group)).or_insert_with(|| {
                merged.push(Merged { key: by.key(group), sums: Sums::default() });
                merged.len() - 1
            });
            merged[place].sums.add(&group.sums);
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
        let has_gpu = self.gpu == GpuKnowledge::Recorded;
        // A range has memory; a kernel has none of its own.
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

    /// Returns the time that the counted FLOPs took, if it is known.
    fn flops_ns(&self, sums: &Sums) -> Option<u64> {
        if sums.calls_with_flops == 0 || sums.untimed_flops > 0 {
            return None;
        }
        let ns = match (self.gpu, sums.flops_on_gpu) {
            (GpuKnowledge::Hidden, _) => 0,
            (_, 0) => sums.flops_ns,
            (_, calls) if calls == sums.calls_with_flops => sums.flops_gpu_ns,
            _ => 0,
        };
        (ns > 0).then_some(ns)
    }
}
