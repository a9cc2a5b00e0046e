//! What the profiler itself cost, estimated: how often each thing was recorded times what one costs, measured on this
//! machine; and what is not in the estimate.

use serde::Serialize;

use crate::model::{ExportOptions, Source, Trace};

/// The estimate of what recording cost the program's threads. Nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Overhead {
    pub(in crate::export) ranges: u64,
    ns_per_range: u64,
    /// Allocations and releases.
    allocations: u64,
    ns_per_allocation: u64,
    /// Shapes of inputs, FLOPs, indices of steps and ids of requests.
    descriptions: u64,
    ns_per_description: u64,
    /// Call stacks.
    stacks: u64,
    ns_per_stack: u64,
    /// Ranges that the source of GPU times was told of.
    gpu_links: u64,
    ns_per_gpu_link: u64,
    /// Readings of a thread's CPU clock (`cpu_time`).
    cpu_readings: u64,
    ns_per_cpu_reading: u64,
    pub(in crate::export) estimated_ns: u64,
    /// Of the recording's wall time. Threads pay in parallel, so this is an upper bound.
    pub(in crate::export) percent: f64,
    /// Costs that are not in the estimate, because they cannot be measured without disturbing the program.
    pub(in crate::export) not_included: Vec<String>,
}

impl Overhead {
    pub(in crate::export) fn of(trace: &Trace) -> Self {
        let (costs, told) = (trace.context.costs, trace.told);
        let knows_ops = trace.gpu.as_ref().is_ok_and(|gpu| gpu.source.knows_ops());
        let (allocations, gpu_links) = (allocations(trace), if knows_ops { trace.ranges } else { 0 });
        let cpu_readings = trace.stages.cpu_readings();
        let parts = [
            (trace.ranges, costs.range),
            (allocations, costs.allocation),
            (told.descriptions, costs.description),
            (told.stacks, costs.stack),
            (gpu_links, costs.link),
            (cpu_readings, trace.context.cpu_clock_cost.as_nanos() as f64),
        ];
        let estimated: f64 = parts.iter().map(|(count, ns)| *count as f64 * ns).sum();
        let [ns_per_range, ns_per_allocation, ns_per_description, ns_per_stack, ns_per_gpu_link, ns_per_cpu_reading] =
            parts.map(|(_, ns)| whole(ns));
        Self {
            ranges: trace.ranges,
            ns_per_range,
            allocations,
            ns_per_allocation,
            descriptions: told.descriptions,
            ns_per_description,
            stacks: told.stacks,
            ns_per_stack,
            gpu_links,
            ns_per_gpu_link,
            cpu_readings,
            ns_per_cpu_reading,
            estimated_ns: whole(estimated),
            percent: estimated * 100.0 / (trace.end - trace.begin).max(1) as f64,
            not_included: not_included(trace),
        }
    }

    /// Returns what was paid for, and how much: `40 ns for each of 100 ranges, 23 ns for each of 17,543 allocations`.
    pub(in crate::export) fn parts(&self) -> String {
        let parts = [
            (self.ranges, self.ns_per_range, "ranges"),
            (self.allocations, self.ns_per_allocation, "allocations and releases"),
            (self.descriptions, self.ns_per_description, "shapes, FLOPs and indices"),
            (self.stacks, self.ns_per_stack, "call stacks"),
            (self.gpu_links, self.ns_per_gpu_link, "links to GPU work"),
            (self.cpu_readings, self.ns_per_cpu_reading, "readings of CPU clocks"),
        ];
        let paid = parts.into_iter().filter(|(count, ns, _)| *count > 0 && *ns > 0);
        let paid: Vec<String> = paid.map(|(count, ns, what)| format!("{ns} ns for each of {count} {what}")).collect();
        if paid.is_empty() { "nothing was recorded".to_owned() } else { paid.join(", ") }
    }
}

/// Returns the allocations and releases that the program reported, those without room included.
fn allocations(trace: &Trace) -> u64 {
    let Some(memory) = &trace.memory else { return 0 };
    let recorded = memory.devices.iter().map(|each| each.usage.allocs + each.usage.frees + each.usage.failed);
    recorded.sum::<u64>() + memory.lost
}

fn not_included(trace: &Trace) -> Vec<String> {
    let ExportOptions { spool, stages, .. } = &trace.context.options;
    let source = trace.gpu.as_ref().ok().map(|gpu| &gpu.source);
    let knows_ops = source.is_some_and(Source::knows_ops);
    let title = source.map_or("", |source| source.name().title);
    let own_work = format!("{title}'s own work for each call of CUDA's and each kernel");
    let costs = trace.context.costs;
    let parts = [
        (knows_ops, own_work.as_str()),
        (source.is_some() && !knows_ops, "the CUDA events of timed ranges"),
        (knows_ops && costs.link == 0.0, "the links of ranges to GPU work"),
        (trace.told.stacks > 0 && costs.stack == 0.0, "call stacks"),
        (trace.context.is_shown, "what the attached NVTX tool does with each range"),
        (!stages.is_empty(), "ranges that `stages` leaves out"),
        (*spool, "the kernel's work for the spool's pages"),
    ];
    parts.into_iter().filter(|(is_paid, _)| *is_paid).map(|(_, what)| what.to_owned()).collect()
}

/// Rounds to whole nanoseconds.
fn whole(ns: f64) -> u64 {
    // CAST: saturates; a recording costs far less than 584 years.
    ns.round() as u64
}
