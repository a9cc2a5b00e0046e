//! Estimated cost of the profiler: counts of recorded things times the cost of one, measured on
//! this machine; and a list of costs that the estimate does not include.

use serde::{Serialize, Serializer};

use crate::model::{ExportOptions, Source, Trace};

/// Estimated cost of recording to the program's threads, in nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Overhead {
    pub(in crate::export) ranges: u64,
    /// Parts of the estimate, serialised as fields: the count (except of ranges) and the unit cost.
    #[serde(flatten, serialize_with = "as_fields")]
    parts: [Part; 6],
    pub(in crate::export) estimated_ns: u64,
    /// Share of the recording's wall time. It is an upper bound, because threads pay in parallel.
    pub(in crate::export) percent: f64,
    /// Costs that the estimate excludes because measuring them would disturb the program.
    pub(in crate::export) not_included: Vec<String>,
}

/// One part of the estimate.
#[derive(Clone, Debug)]
struct Part {
    /// Field names of the count and of the unit cost.
    fields: [&'static str; 2],
    count: u64,
    ns: f64,
    what: &'static str,
}

fn as_fields<S: Serializer>(parts: &[Part; 6], serializer: S) -> Result<S::Ok, S::Error> {
    let fields = parts.iter().flat_map(|part| part.fields.into_iter().zip([part.count, round(part.ns)]));
    // The number of ranges already has a field.
    serializer.collect_map(fields.skip(1))
}

impl Overhead {
    pub(in crate::export) fn new(trace: &Trace) -> Self {
        let (costs, counts) = (trace.context.costs, trace.argument_counts);
        let has_ops = trace.gpu.as_ref().is_ok_and(|gpu| gpu.source.has_ops());
        let links = if has_ops { trace.ranges } else { 0 };
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
                counts.descriptions,
                costs.description,
                "shapes, FLOPs and indices",
            ),
            part(["stacks", "ns_per_stack"], counts.stacks, costs.stack, "call stacks"),
            part(["gpu_links", "ns_per_gpu_link"], links, costs.link, "links to GPU work"),
            part(["cpu_readings", "ns_per_cpu_reading"], readings, reading, "readings of CPU clocks"),
        ];
        let estimated: f64 = parts.iter().map(|part| part.count as f64 * part.ns).sum();
        Self {
            ranges: trace.ranges,
            parts,
            estimated_ns: round(estimated),
            percent: estimated * 100.0 / (trace.end - trace.begin).max(1) as f64,
            not_included: not_included(trace),
        }
    }

    /// Returns the parts as text:
    /// `40 ns for each of 100 ranges, 23 ns for each of 17,543 allocations`.
    pub(in crate::export) fn parts(&self) -> String {
        let paid = self.parts.iter().filter(|part| part.count > 0 && round(part.ns) > 0);
        let paid: Vec<String> =
            paid.map(|Part { count, ns, what, .. }| format!("{} ns for each of {count} {what}", round(*ns))).collect();
        if paid.is_empty() { "nothing was recorded".to_owned() } else { paid.join(", ") }
    }
}

/// Returns the number of recorded allocations and releases, including those that did not fit into
/// the buffers.
fn allocations(trace: &Trace) -> u64 {
    let Some(memory) = &trace.memory else { return 0 };
    let recorded = memory.devices.iter().map(|each| each.usage.allocs + each.usage.frees + each.usage.failed);
    recorded.sum::<u64>() + memory.lost
}

fn not_included(trace: &Trace) -> Vec<String> {
    let ExportOptions { spool, stages, .. } = &trace.context.options;
    let source = trace.gpu.as_ref().ok().map(|gpu| &gpu.source);
    let has_ops = source.is_some_and(Source::has_ops);
    let title = source.map_or("", |source| source.name().title);
    let own_work = format!("{title}'s own work for each call of CUDA's and each kernel");
    let costs = trace.context.costs;
    let parts = [
        (has_ops, own_work.as_str()),
        (source.is_some() && !has_ops, "the CUDA events of timed ranges"),
        (has_ops && costs.link == 0.0, "the links of ranges to GPU work"),
        (trace.argument_counts.stacks > 0 && costs.stack == 0.0, "call stacks"),
        (trace.context.shown_to_tool, "what the attached NVTX tool does with each range"),
        (!stages.is_empty(), "ranges that `stages` leaves out"),
        (*spool, "the kernel's work for the spool's pages"),
    ];
    parts.into_iter().filter(|(is_paid, _)| *is_paid).map(|(_, what)| what.to_owned()).collect()
}

/// Rounds to whole nanoseconds.
fn round(ns: f64) -> u64 {
    // CAST: saturates; a recording costs far less than 584 years.
    ns.round() as u64
}
