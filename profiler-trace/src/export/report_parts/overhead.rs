//! What the profiler itself cost, estimated: how often each thing was recorded times what one
//! costs, measured on this machine; and what is not in the estimate.

use serde::{Serialize, Serializer};

use crate::model::{ExportOptions, Source, Trace};

/// The estimate of what recording cost the program's threads. Nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Overhead {
    pub(in crate::export) ranges: u64,
    /// Parts of the estimate, flattened: the count of each part but the first, and the cost of one.
    #[serde(flatten, serialize_with = "as_fields")]
    parts: [Part; 6],
    pub(in crate::export) estimated_ns: u64,
    /// Share of the recording's wall time. Threads pay in parallel, so this is an upper bound.
    pub(in crate::export) percent: f64,
    /// Costs that are not in the estimate, because they cannot be measured without disturbing the
    /// program.
    pub(in crate::export) not_included: Vec<String>,
}

/// Something that was recorded many times.
#[derive(Clone, Debug)]
struct Part {
    /// Fields of the count and of the cost.
    fields: [&'static str; 2],
    count: u64,
    ns: f64,
    what: &'static str,
}

fn as_fields<S: Serializer>(parts: &[Part; 6], serializer: S) -> Result<S::Ok, S::Error> {
    let fields = parts.iter().flat_map(|part| part.fields.into_iter().zip([part.count, whole(part.ns)]));
    // The number of ranges is a field already.
    serializer.collect_map(fields.skip(1))
}

impl Overhead {
    pub(in crate::export) fn of(trace: &Trace) -> Self {
        let (costs, told) = (trace.context.costs, trace.told);
        let knows_ops = trace.gpu.as_ref().is_ok_and(|gpu| gpu.source.knows_ops());
        let links = if knows_ops { trace.ranges } else { 0 };
        let readings = trace.stages.cpu_readings();
        let reading = trace.context.cpu_clock_cost.as_nanos() as f64;
        let part = |fields, count, ns, what| Part { fields, count, ns, what };
        let parts = [
            part(["ranges", "ns_per_range"], trace.ranges, costs.range, "ranges"),
            part(
                ["allocations", "ns_per_allocation"],
                allocations(trace),
                costs.allocation,
                "allocations and releases",
            ),
            // Shapes of inputs, FLOPs, indices of steps and ids of requests.
            part(
                ["descriptions", "ns_per_description"],
                told.descriptions,
                costs.description,
                "shapes, FLOPs and indices",
            ),
            part(["stacks", "ns_per_stack"], told.stacks, costs.stack, "call stacks"),
            part(["gpu_links", "ns_per_gpu_link"], links, costs.link, "links to GPU work"),
            part(["cpu_readings", "ns_per_cpu_reading"], readings, reading, "readings of CPU clocks"),
        ];
        let estimated: f64 = parts.iter().map(|part| part.count as f64 * part.ns).sum();
        Self {
            ranges: trace.ranges,
            parts,
            estimated_ns: whole(estimated),
            percent: estimated * 100.0 / (trace.end - trace.begin).max(1) as f64,
            not_included: not_included(trace),
        }
    }

    /// Returns the parts and their counts:
    /// `40 ns for each of 100 ranges, 23 ns for each of 17,543 allocations`.
    pub(in crate::export) fn parts(&self) -> String {
        let paid = self.parts.iter().filter(|part| part.count > 0 && whole(part.ns) > 0);
        let paid: Vec<String> =
            paid.map(|Part { count, ns, what, .. }| format!("{} ns for each of {count} {what}", whole(*ns))).collect();
        if paid.is_empty() { "nothing was recorded".to_owned() } else { paid.join(", ") }
    }
}

/// Returns the number of allocations and releases that the program reported, including those that
/// found no room.
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
