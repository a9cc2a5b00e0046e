//! Completion of an operator table after all threads were read: adds which steps are
//! `ProfilerStep`s, which range launched which GPU work, how long async ranges lived, and what
//! happened between bare `next_step()` calls.
//!
//! The builder has kept the affected sums apart: those of steps, of async ranges, and of the few
//! ranges that launched GPU work. So the threads are not read a second time.

use profiler_core::memory::Device;

use crate::model::Trace;
use crate::model::gpu::Gpu;
use crate::model::memory::DeviceMemory;
use crate::model::slice::CallArgs;
use crate::model::values::NetBytes;

use super::builder::{Launcher, OpsBuilder, STEPS, StepCall, SumsRef};
use super::launched::{self, Launched, Share};
use super::{GpuCoverage, OpTable, Sums};

impl OpTable {
    /// Creates the table from a builder that has seen every slice. `busy_ns` is the time in which
    /// threads ran ranges between bare `next_step()` calls.
    pub(in crate::model) fn new(trace: &Trace, mut builder: OpsBuilder, busy_ns: u64) -> Self {
        let (memory, gpu) = (trace.memory.as_ref(), trace.gpu.as_ref().ok());
        builder.complete(trace, busy_ns);
        let mut table = builder.finish(&trace.symbols);
        table.groups.extend(gpu.map(launched::groups).unwrap_or_default());
        table.has_memory = (
            memory.is_some_and(|memory| memory.has_allocator),
            reports_device_memory(trace) || uses_cuda_memory(trace),
        );
        table.gpu = match &trace.gpu {
            Ok(_) => GpuCoverage::Recorded,
            Err(reason) if reason.is_surprising() => GpuCoverage::Unrecorded,
            Err(_) => GpuCoverage::NoGpu,
        };
        table
    }
}

/// Returns whether the program reported device memory.
fn reports_device_memory(trace: &Trace) -> bool {
    let is_device = |each: &DeviceMemory| each.device != Device::Cpu;
    trace.memory.as_ref().is_some_and(|memory| memory.devices.iter().any(is_device))
}

/// Returns whether the tables show device memory as CUDA recorded it.
fn uses_cuda_memory(trace: &Trace) -> bool {
    !reports_device_memory(trace) && trace.gpu.as_ref().is_ok_and(|gpu| !gpu.memory.is_empty())
}

impl OpsBuilder {
    /// Adds everything that slices do not show; for `busy_ns` see [`OpTable::new`].
    fn complete(&mut self, trace: &Trace, busy_ns: u64) {
        let gpu = trace.gpu.as_ref().ok();
        if let Some(gpu) = gpu {
            self.add_launched(Launched::new(gpu, uses_cuda_memory(trace)));
        }
        for StepCall { external_id, entry, sums } in std::mem::take(&mut self.steps) {
            let entry = if trace.is_profiler_step(external_id) { self.steps_of(entry) } else { entry };
            self.entries[entry].group.sums.add(&sums);
        }
        for task in trace.tasks.iter() {
            let Some(entry) = self.task_group(task.rank) else { continue };
            let mut sums = self.lives.remove(&task.rank).unwrap_or_default();
            sums.count = 1;
            sums.wall_ns = task.duration();
            let entry = if trace.is_profiler_step(task.external_id) { self.steps_of(entry) } else { entry };
            self.entries[entry].group.sums.add(&sums);
        }
        self.add_bare_steps(trace, gpu, busy_ns);
    }

    /// Adds GPU times to the ranges that launched the work, and to the ranges around them.
    fn add_launched(&mut self, mut launched: Launched) {
        for Launcher { external_id, around_id, sums, has_flops } in std::mem::take(&mut self.launchers) {
            let (own, total) = launched.end(external_id, around_id);
            let sums = match sums {
                SumsRef::Group(at) => self.entries.get_mut(at).map(|each| &mut each.group.sums),
                SumsRef::Step(at) => self.steps.get_mut(at).map(|step| &mut step.sums),
                SumsRef::Life(task) => match self.lives.get_mut(&task) {
                    Some(sums) => Some(sums),
                    // The first poll was read later and moved the sums to its group.
                    None => self.task_group(task).and_then(|at| Some(&mut self.entries.get_mut(at)?.group.sums)),
                },
            };
            if let Some(sums) = sums {
                sums.add_shares(own, total, has_flops);
            }
        }
    }

    /// Adds the iterations between bare `next_step()` calls as one row: their duration, and the GPU
    /// time of work launched during them. Ranges that ran during them on any thread are their CPU
    /// time but not their self time.
    fn add_bare_steps(&mut self, trace: &Trace, gpu: Option<&Gpu>, busy_ns: u64) {
        for each in trace.loops.iter().filter(|each| each.site.is_none()) {
            let at = self.add(None, false, &CallArgs::default());
            let group = &mut self.entries[at].group;
            group.name = if each.drives { STEPS } else { each.name() }.into();
            group.sums = Sums {
                count: each.steps.len() as u64,
                total_ns: busy_ns,
                wall_ns: each.steps.iter().map(|step| step.end - step.begin).sum(),
                gpu_total_ns: gpu.map_or(0, |gpu| launched::time_in_steps(gpu, &each.steps)),
                ..Sums::default()
            };
        }
    }
}

impl Sums {
    fn add_shares(&mut self, own: Share, total: Share, has_flops: bool) {
        self.gpu_self_ns += own.ns;
        self.gpu_total_ns += total.ns;
        self.device_memory.add(NetBytes { own: own.bytes, total: total.bytes });
        if has_flops {
            self.flops_on_gpu += u64::from(total.ns > 0);
            self.flops_gpu_ns += total.ns;
        }
    }
}
