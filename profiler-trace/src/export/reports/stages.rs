//! Stage times: one record for each stage at each place of the tree, for `timing_rank*.json` and
//! tables of stages.
//!
//! In the timing report a record names the one around it by number, so that the file grows with the
//! number of records, however deep they lie. The requests' own records are short, and name the
//! session's by number too.

use std::collections::HashMap;

use serde::Serialize;

use crate::export::format::json::{Line, millis, record, unless_empty};
use crate::export::memory::report::source_of;
use crate::export::report_parts::gpu::{column, is_known, of_stage};
use crate::export::report_parts::rest_name;
use crate::export::report_parts::spread::Spread;
use crate::model::{GpuTimes, NodeId, Request, StageNode, Trace};

/// Fields of a stage that a request's record, the session's and every table have in common.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Times {
    pub(in crate::export) calls: u64,
    sum_ns: u64,
    pub(in crate::export) min_ns: u64,
    pub(in crate::export) max_ns: u64,
    /// Time in no stage inside it.
    pub(in crate::export) self_ns: u64,
    /// Calls that began before the part of the recording that is kept: timed from there on.
    #[serde(skip_serializing_if = "is_zero")]
    clipped: u64,
    /// True if calls ran at the same time: their sum may exceed the time around them.
    #[serde(skip_serializing_if = "is_false")]
    pub(in crate::export) concurrent: bool,
    /// CPU time of its threads, of lives in their polls; absent if it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::export) cpu_ns: Option<u64>,
    /// True if measuring the CPU time made it more than 1 % slower.
    #[serde(skip_serializing_if = "is_false")]
    cpu_slows: bool,
    #[serde(flatten)]
    pub(in crate::export) lives: Option<Lives>,
}

/// Fields of async stages alone: of the calls that are lives of futures.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Lives {
    lives: u64,
    pub(in crate::export) polls: u64,
    /// Time in polls. The lives waited for the rest.
    pub(in crate::export) busy_ns: u64,
    /// Lives that were dropped before they were ready.
    cancelled: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The stages of a session, as the page, the terminal and the workbook show them.
#[derive(Clone, Debug)]
pub(in crate::export) struct StageTable {
    /// Rows in the order of the tree, and last the time in which no stage ran.
    pub(in crate::export) rows: Vec<StageRow>,
    /// Number of shorter stages that have no row.
    pub(in crate::export) left_out: usize,
    pub(in crate::export) has_busy: bool,
    pub(in crate::export) has_cpu: bool,
    /// Head of the GPU's column; `None` if it was not recorded.
    pub(in crate::export) gpu: Option<&'static str>,
}

/// A stage at its place in the tree, or the time in which no stage ran.
#[derive(Clone, Debug)]
pub(in crate::export) struct StageRow {
    pub(in crate::export) name: &'static str,
    /// `stage` or `step`; empty for the time in which no stage ran.
    #[cfg_attr(not(feature = "xlsx"), allow(dead_code))]
    pub(in crate::export) kind: &'static str,
    pub(in crate::export) depth: u32,
    pub(in crate::export) sum_ns: u64,
    /// Length of the session.
    pub(in crate::export) whole_ns: u64,
    /// Times of the stage; absent for the time in which no stage ran.
    pub(in crate::export) times: Option<Times>,
    /// GPU time of the work that the stage launched; `None` if it is not known.
    pub(in crate::export) gpu_ns: Option<u64>,
}

impl StageTable {
    /// Returns the table with the `most` longest stages.
    pub(in crate::export) fn of(trace: &Trace, most: usize) -> Self {
        let whole_ns = trace.end - trace.begin;
        let gpu = trace.gpu.as_ref().ok();
        let gpu_ns = |times: GpuTimes| gpu.filter(|gpu| is_known(gpu, times)).map(|_| times.busy_ns);
        let nodes = trace.stages.in_order();
        let mut sums: Vec<u64> = nodes.iter().map(|(_, node)| node.sum_ns).collect();
        sums.sort_unstable_by(|a, b| b.cmp(a));
        // A stage is never longer than the one around it, unless it is async.
        let least = if most == 0 { u64::MAX } else { sums.get(most - 1).copied().unwrap_or(0) };
        let kept = nodes.iter().map(|(_, node)| node).filter(|node| node.sum_ns >= least).take(most);
        let mut rows: Vec<StageRow> = kept
            .map(|node| StageRow {
                name: node.name(),
                kind: kind(node),
                depth: node.depth,
                sum_ns: node.sum_ns,
                whole_ns,
                times: Some(Times::of(node, whole_ns)),
                gpu_ns: gpu_ns(node.gpu),
            })
            .collect();
        let left_out = nodes.len() - rows.len();
        let has = |of: fn(&Times) -> bool| rows.iter().filter_map(|row| row.times.as_ref()).any(of);
        let (has_busy, has_cpu) = (has(|times| times.lives.is_some()), has(|times| times.cpu_ns.is_some()));
        rows.push(StageRow {
            name: rest_name(trace),
            kind: "",
            depth: 0,
            sum_ns: trace.unaccounted_ns,
            whole_ns,
            times: None,
            gpu_ns: gpu.and_then(|gpu| gpu_ns(gpu.unattributed)),
        });
        Self { rows, left_out, has_busy, has_cpu, gpu: gpu.map(column) }
    }
}

impl StageRow {
    /// Returns the text that `of` makes of the stage's times; an empty one for the time in which no
    /// stage ran.
    pub(in crate::export) fn told(&self, of: impl FnOnce(&Times) -> Option<String>) -> String {
        self.times.as_ref().and_then(of).unwrap_or_default()
    }

    /// Returns the time in polls of an async stage.
    pub(in crate::export) fn busy_ns(&self) -> Option<u64> {
        self.times.as_ref()?.lives.as_ref().map(|lives| lives.busy_ns)
    }

    /// Returns its name, with a mark if it is async.
    pub(in crate::export) fn marked(&self, name: &str) -> String {
        let mark = if self.busy_ns().is_some() { " (async)" } else { "" };
        format!("{name}{mark}")
    }

    /// Returns the cell of the GPU's column.
    pub(in crate::export) fn gpu_cell(&self) -> String {
        self.gpu_ns.map_or_else(|| "n/a".to_owned(), millis)
    }
}

fn kind(node: &StageNode) -> &'static str {
    if node.is_step() { "step" } else { "stage" }
}

/// Returns the numbers of the session's records: parents come before children.
pub(super) fn ids(trace: &Trace) -> HashMap<NodeId, usize> {
    trace.stages.in_order().into_iter().map(|(node, _)| node).zip(0..).collect()
}

/// Returns the record of each stage of the session at each place of the tree, all its calls
/// together.
pub(super) fn of_session(trace: &Trace) -> Vec<Line<impl Serialize>> {
    let ids = ids(trace);
    let nodes = trace.stages.in_order().into_iter().enumerate();
    nodes.map(|(id, (place, node))| Line(stage(trace, (id, ids.get(&node.parent).copied()), place, node))).collect()
}

/// Returns a request's records, in the order of the session's tree.
pub(super) fn of_request(
    trace: &Trace,
    request: &Request,
    ids: &HashMap<NodeId, usize>,
) -> Vec<Line<impl Serialize + use<>>> {
    let nodes = request.stages.in_order().into_iter().filter(|(_, node)| node.calls > 0);
    let records = nodes.filter_map(|(place, node)| {
        Some(Line(record! {
            // The `id` of the session's record.
            stage: ids.get(&request.origin(place)).copied()?,
            // First begin, since the window began.
            begin_ns: node.first_begin.saturating_sub(trace.begin),
            ..times: Times::of(node, request.duration()),
            // GPU work that the request launched in it.
            ..gpu: of_stage(trace, &request.stages, place),
        }))
    });
    records.collect()
}

fn stage(trace: &Trace, (id, parent): (usize, Option<usize>), place: NodeId, node: &StageNode) -> impl Serialize {
    let Spread { p50_ns, p90_ns, p99_ns, p999_ns, .. } = Spread::of_calls(node);
    let calls = node.occurrences.iter().map(|&(begin, duration_ns)| {
        // Since the window began.
        record! { begin_ns: begin.saturating_sub(trace.begin), duration_ns: duration_ns, }
    });
    let peaks: Vec<_> = memory_peaks(trace, place).collect();
    record! {
        // Its place in the list, from 0.
        id: id,
        // The `id` of the stage around it; null for an outermost one. It stands before this one in
        // the list.
        parent: parent,
        name: node.name(),
        kind: kind(node),
        // Number of stages around it.
        depth: node.depth,
        ..times: Times::of(node, trace.end - trace.begin),
        // Exact for up to 1,000 calls, within 1 % for more.
        p50_ns: p50_ns,
        p90_ns: p90_ns,
        p99_ns: p99_ns,
        p999_ns: p999_ns,
        // GPU work that it launched, it or a stage inside it; absent if the GPU was not recorded.
        ..gpu: of_stage(trace, &trace.stages, place),
        // Absent if memory was not recorded.
        memory_peaks?: (!peaks.is_empty()).then_some(peaks),
        // The first calls, in order of their ends.
        occurrences: calls.collect::<Vec<_>>(),
        occurrences_left_out?: unless_empty(node.calls - node.occurrences.len() as u64),
    }
}

/// Returns the most that the process had allocated while a stage ran, for each device and source of
/// its numbers.
fn memory_peaks(trace: &Trace, place: NodeId) -> impl Iterator<Item = impl Serialize> {
    let devices = trace.memory.iter().flat_map(|memory| memory.all().map(move |device| (memory, device)));
    devices.map(move |(memory, device)| {
        record! {
            device: device.device.to_string(),
            source: source_of(memory, device),
            bytes: device.stage(place).peak,
        }
    })
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
