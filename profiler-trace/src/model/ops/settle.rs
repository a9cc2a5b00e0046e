//! The facts that an operator table learns when all threads are read: which steps are
//! `ProfilerStep`s, which range launched which GPU work, how long async ranges lived, and what
//! happened between bare `next_step()` calls.
//!
//! The gatherer has put aside the sums that wait for that: steps, async ranges, and the few ranges
//! in which work was given to the GPU. So the threads need not be read a second time.

use profiler_core::memory::Device;

use crate::model::Trace;
use crate::model::gpu::Gpu;
use crate::model::memory::DeviceMemory;
use crate::model::slice::CallArgs;
use crate::model::values::NetBytes;

use super::gather::{Account, Gatherer, Launcher, STEPS, StepCall};
use super::launched::{self, Launched, Share};
use super::{GpuKnowledge, OpTable, Sums};

impl OpTable {
    /// Creates the table from `gatherer`, which has been shown every slice; for `busy_ns` see
    /// [`Gatherer::settle`].
    pub(in crate::model) fn of(trace: &Trace, mut gatherer: Gatherer, busy_ns: u64) -> Self {
        let (memory, gpu) = (trace.memory.as_ref(), trace.gpu.as_ref().ok());
        gatherer.settle(trace, busy_ns);
        let mut table = gatherer.finish(&trace.symbols);
        table.groups.extend(gpu.map(launched::groups).unwrap_or_default());
        table.has_memory = (memory.is_some_and(|memory| memory.has_allocator), reported(trace) || by_cuda(trace));
        table.gpu = match &trace.gpu {
            Ok(_) => GpuKnowledge::Recorded,
            Err(reason) if reason.is_surprising() => GpuKnowledge::Hidden,
            Err(_) => GpuKnowledge::NoGpu,
        };
        table
    }
}

/// Returns whether the program reported memory of devices.
fn reported(trace: &Trace) -> bool {
    let is_device = |each: &DeviceMemory| each.device != Device::Cpu;
    trace.memory.as_ref().is_some_and(|memory| memory.devices.iter().any(is_device))
}

/// Returns whether memory of devices is what CUDA reported.
fn by_cuda(trace: &Trace) -> bool {
    !reported(trace) && trace.gpu.as_ref().is_ok_and(|gpu| !gpu.memory.is_empty())
}

impl Gatherer {
    /// Adds what `trace` knows beside the slices; `busy_ns` is how long threads ran ranges between
    /// bare `next_step()` calls.
    pub(super) fn settle(&mut self, trace: &Trace, busy_ns: u64) {
        let gpu = trace.gpu.as_ref().ok();
        if let Some(gpu) = gpu {
            self.launched(Launched::new(gpu, by_cuda(trace)));
        }
        for StepCall { external_id, place, sums } in std::mem::take(&mut self.steps) {
            let place = if trace.is_profiler_step(external_id) { self.steps_of(place) } else { place };
            self.gathered[place].group.sums.add(&sums);
        }
        for task in trace.tasks.iter() {
            let Some(place) = self.place_of(task.rank) else { continue };
            let mut sums = self.lives.remove(&task.rank).unwrap_or_default();
            sums.count = 1;
            sums.wall_ns = task.duration();
            let place = if trace.is_profiler_step(task.external_id) { self.steps_of(place) } else { place };
            self.gathered[place].group.sums.add(&sums);
        }
        self.bare_steps(trace, gpu, busy_ns);
    }

    /// Adds the GPU's times to the ranges that launched its work, and to those around them.
    fn launched(&mut self, mut launched: Launched) {
        for Launcher { external_id, around_id, account, has_flops } in std::mem::take(&mut self.launchers) {
            let (own, total) = launched.end(external_id, around_id);
            let sums = match account {
                Account::Group(place) => self.gathered.get_mut(place).map(|each| &mut each.group.sums),
                Account::Step(at) => self.steps.get_mut(at).map(|step| &mut step.sums),
                Account::Life(task) => match self.lives.get_mut(&task) {
                    Some(sums) => Some(sums),
                    // The first poll was read meanwhile.
                    None => self.place_of(task).and_then(|place| Some(&mut self.gathered.get_mut(place)?.group.sums)),
                },
            };
            if let Some(sums) = sums {
                sums.add_shares(own, total, has_flops);
            }
        }
    }

    /// Adds the iterations between bare `next_step()` calls, all together: how long they took, and
    /// the GPU time of work launched meanwhile. The ranges that ran meanwhile on any thread are
    /// their CPU time, but no self time.
    fn bare_steps(&mut self, trace: &Trace, gpu: Option<&Gpu>, busy_ns: u64) {
        for each in trace.loops.iter().filter(|each| each.site.is_none()) {
            let place = self.add(None, false, &CallArgs::default());
            let group = &mut self.gathered[place].group;
            group.name = if each.drives { STEPS } else { each.name() }.into();
            group.sums = Sums {
                count: each.steps.len() as u64,
                total_ns: busy_ns,
                wall_ns: each.steps.iter().map(|step| step.end - step.begin).sum(),
                gpu_total_ns: gpu.map_or(0, |gpu| launched::of_steps(gpu, &each.steps)),
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
