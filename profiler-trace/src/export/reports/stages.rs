//! Stage times as `timing_rank*.json` shows them: one record for each stage at each place of the tree.
//!
//! A record names the one around it by number, so that the file grows with the number of records, however deep they lie.
//! The requests' own records are short, and name the session's by number too.

use std::collections::HashMap;

use serde::Serialize;

use crate::export::format::json::Line;
use crate::export::memory::report::source_of;
use crate::export::report_parts::gpu::{TimesReport, of_stage};
use crate::export::report_parts::spread::Spread;
use crate::model::{NodeId, Request, StageNode, Trace};

/// One stage at one place, all its calls together.
#[derive(Debug, Serialize)]
pub(super) struct StageReport {
    /// Its place in the list, from 0.
    id: usize,
    /// The `id` of the stage around it; null for an outermost one. It stands before this one in the list.
    parent: Option<usize>,
    name: &'static str,
    kind: &'static str,
    /// Number of stages around it.
    depth: u32,
    #[serde(flatten)]
    times: Times,
    /// Exact for up to 1,000 calls, within 1 % for more.
    #[serde(flatten)]
    quantiles: Quantiles,
    /// GPU work that it launched, it or a stage inside it; absent if the GPU was not recorded.
    #[serde(flatten)]
    gpu: Option<TimesReport>,
    /// The most that the process had allocated while it ran, for each device and whoever told of its memory; absent if
    /// memory was not recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    memory_peaks: Vec<MemoryPeak>,
    /// The first calls, in order of their ends.
    occurrences: Vec<Occurrence>,
    #[serde(skip_serializing_if = "is_zero")]
    occurrences_left_out: u64,
}

/// Fields of a stage that a request's record and the session's have in common.
#[derive(Debug, Serialize)]
struct Times {
    calls: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    /// Time in no stage inside it.
    self_ns: u64,
    /// Calls that began before what is kept of the recording: timed from there on.
    #[serde(skip_serializing_if = "is_zero")]
    clipped: u64,
    /// Calls ran at the same time: their sum may exceed the time around them.
    #[serde(skip_serializing_if = "is_false")]
    concurrent: bool,
    /// CPU time of its threads, of lives in their polls; absent if it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ns: Option<u64>,
    /// Measuring that made it more than 1 % slower.
    #[serde(skip_serializing_if = "is_false")]
    cpu_slows: bool,
    #[serde(flatten)]
    lives: Option<Lives>,
}

/// Fields of async stages alone: of the calls that are lives of futures.
#[derive(Debug, Serialize)]
struct Lives {
    lives: u64,
    polls: u64,
    /// Time in polls. The rest they waited.
    busy_ns: u64,
    /// Lives that were dropped before they were ready.
    cancelled: u64,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    p999_ns: u64,
}

#[derive(Debug, Serialize)]
struct Occurrence {
    /// Since the window began.
    begin_ns: u64,
    duration_ns: u64,
}

#[derive(Debug, Serialize)]
struct MemoryPeak {
    device: String,
    source: &'static str,
    bytes: u64,
}

/// One stage of one request.
#[derive(Debug, Serialize)]
pub(super) struct InRequest {
    /// The `id` of the session's record.
    stage: usize,
    /// First begin, since the window began.
    begin_ns: u64,
    #[serde(flatten)]
    times: Times,
    /// GPU work that the request launched in it.
    #[serde(flatten)]
    gpu: Option<TimesReport>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// Returns the `most` longest stages in the order of the tree, and how many others there are.
pub(super) fn longest(trace: &Trace, most: usize) -> (Vec<&StageNode>, usize) {
    let nodes = trace.stages.in_order();
    let mut sums: Vec<u64> = nodes.iter().map(|(_, node)| node.sum_ns).collect();
    sums.sort_unstable_by(|a, b| b.cmp(a));
    // A stage is never longer than the one around it, unless it is async.
    let least = if most == 0 { u64::MAX } else { sums.get(most - 1).copied().unwrap_or(0) };
    let kept: Vec<&StageNode> =
        nodes.iter().map(|(_, node)| *node).filter(|node| node.sum_ns >= least).take(most).collect();
    let left_out = nodes.len() - kept.len();
    (kept, left_out)
}

/// The session's records, and their numbers.
pub(super) struct Stages {
    pub(super) reports: Vec<Line<StageReport>>,
    ids: HashMap<NodeId, usize>,
}

impl Stages {
    /// Returns the records of every stage of the session, parents before children.
    pub(super) fn of(trace: &Trace) -> Self {
        let nodes = trace.stages.in_order();
        let ids: HashMap<NodeId, usize> = nodes.iter().zip(0..).map(|((node, _), id)| (*node, id)).collect();
        let reports = nodes.iter().enumerate().map(|(id, (place, node))| {
            let parent = ids.get(&node.parent).copied();
            Line(StageReport::new(trace, (id, parent), *place, node))
        });
        Self { reports: reports.collect(), ids }
    }

    /// Returns a request's records, in the order of the session's tree.
    pub(super) fn of_request(&self, trace: &Trace, request: &Request) -> Vec<Line<InRequest>> {
        let nodes = request.stages.in_order().into_iter().filter(|(_, node)| node.calls > 0);
        let records = nodes.filter_map(|(place, node)| {
            Some(Line(InRequest {
                stage: self.ids.get(&request.origin(place)).copied()?,
                begin_ns: node.first_begin.saturating_sub(trace.begin),
                times: Times::of(node, request.duration()),
                gpu: of_stage(trace, &request.stages, place),
            }))
        });
        records.collect()
    }
}

impl StageReport {
    fn new(trace: &Trace, (id, parent): (usize, Option<usize>), place: NodeId, node: &StageNode) -> Self {
        let Spread { p50_ns, p90_ns, p99_ns, p999_ns, .. } = Spread::of_calls(node);
        let occurrences = node
            .occurrences
            .iter()
            .map(|&(begin, duration_ns)| Occurrence { begin_ns: begin.saturating_sub(trace.begin), duration_ns });
        Self {
            id,
            parent,
            name: node.name(),
            kind: if node.is_step() { "step" } else { "stage" },
            depth: node.depth,
            times: Times::of(node, trace.end - trace.begin),
            quantiles: Quantiles { p50_ns, p90_ns, p99_ns, p999_ns },
            gpu: of_stage(trace, &trace.stages, place),
            memory_peaks: memory_peaks(trace, place),
            occurrences_left_out: node.calls - node.occurrences.len() as u64,
            occurrences: occurrences.collect(),
        }
    }
}

fn memory_peaks(trace: &Trace, place: NodeId) -> Vec<MemoryPeak> {
    let Some(memory) = &trace.memory else { return Vec::new() };
    let peaks = memory.all().map(|device| MemoryPeak {
        device: device.device.to_string(),
        source: source_of(memory, device),
        bytes: device.stage(place).peak,
    });
    peaks.collect()
}

impl Times {
    fn of(node: &StageNode, whole_ns: u64) -> Self {
        let StageNode { lives, polls, busy_ns, cancelled, .. } = *node;
        Self {
            calls: node.calls,
            sum_ns: node.sum_ns,
            min_ns: node.shortest_ns(),
            max_ns: node.max_ns,
            self_ns: node.self_ns(),
            clipped: node.clipped,
            concurrent: node.is_concurrent(whole_ns),
            cpu_ns: node.cpu_ns,
            cpu_slows: node.cpu_slows,
            lives: (lives > 0).then_some(Lives { lives, polls, busy_ns, cancelled }),
        }
    }
}
