//! Stage times: one record per stage and parent, for `timing_rank*.json` and tables of stages.
//!
//! In the timing report a record refers to its parent by number, so the file grows with the number
//! of records but not with their depth. Records of requests are short and refer to the session's
//! records by number.

use std::collections::HashMap;

use serde::Serialize;

use crate::export::format::json::{Line, millis, record, unless_empty};
use crate::export::memory::report::source_of;
use crate::export::report_parts::gpu::{column, is_known, stage_times};
use crate::export::report_parts::rest_name;
use crate::export::report_parts::spread::Spread;
use crate::model::{GpuTimes, NodeId, Request, StageNode, Trace};

/// Fields shared by the records of a session and of requests and by all tables.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Times {
    pub(in crate::export) calls: u64,
    sum_ns: u64,
    pub(in crate::export) min_ns: u64,
    pub(in crate::export) max_ns: u64,
    /// Time in no stage inside it.
    pub(in crate::export) self_ns: u64,
    /// Number of calls that began before the kept part of the recording; timed from its start.
    #[serde(skip_serializing_if = "is_zero")]
    clipped: u64,
    /// True if calls overlapped, so that their sum may exceed the time around them.
    #[serde(skip_serializing_if = "is_false")]
    pub(in crate::export) concurrent: bool,
    /// CPU time of its threads, for lives in their polls; absent if not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::export) cpu_ns: Option<u64>,
    /// True if measuring the CPU time slowed it by more than 1 %.
    #[serde(skip_serializing_if = "is_false")]
    cpu_slows: bool,
    #[serde(flatten)]
    pub(in crate::export) lives: Option<Lives>,
}

/// Additional fields of async stages, for calls that are lives of futures.
#[derive(Clone, Debug, Serialize)]
pub(in crate::export) struct Lives {
    lives: u64,
    pub(in crate::export) polls: u64,
    /// Time in polls; the lives waited the rest of the time.
    pub(in crate::export) busy_ns: u64,
    /// Number of lives dropped before completion.
    cancelled: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The stages of a session in the summary, the terminal and the workbook.
#[derive(Clone, Debug)]
pub(in crate::export) struct StageTable {
    /// Rows in tree order; the last row is the time in which no stage ran.
    pub(in crate::export) rows: Vec<StageRow>,
    /// Number of shorter stages without a row.
    pub(in crate::export) left_out: usize,
    pub(in crate::export) has_busy: bool,
    pub(in crate::export) has_cpu: bool,
    /// Header of the GPU column; `None` if the GPU was not recorded.
    pub(in crate::export) gpu: Option<&'static str>,
}

/// A stage at its position in the tree, or the time in which no stage ran.
#[derive(Clone, Debug)]
pub(in crate::export) struct StageRow {
    pub(in crate::export) name: &'static str,
    /// `stage` or `step`; empty for the time in which no stage ran.
    #[cfg_attr(not(feature = "xlsx"), allow(dead_code))]
    pub(in crate::export) kind: &'static str,
    pub(in crate::export) depth: u32,
    pub(in crate::export) sum_ns: u64,
    /// Duration of the session.
    pub(in crate::export) whole_ns: u64,
    /// Times of the stage; `None` for the time in which no stage ran.
    pub(in crate::export) times: Option<Times>,
    /// GPU time of the work that the stage launched; `None` if unknown.
    pub(in crate::export) gpu_ns: Option<u64>,
}

impl StageTable {
    /// Creates the table with the `limit` longest stages.
    pub(in crate::export) fn new(trace: &Trace, limit: usize) -> Self {
        let whole_ns = trace.end - trace.begin;
        let gpu = trace.gpu.as_ref().ok();
        let gpu_ns = |times: GpuTimes| gpu.filter(|gpu| is_known(gpu, times)).map(|_| times.busy_ns);
        let nodes = trace.stages.in_order();
        let mut sums: Vec<u64> = nodes.iter().map(|(_, node)| node.sum_ns).collect();
        sums.sort_unstable_by(|a, b| b.cmp(a));
        // Unless a stage is async, it is never longer than the stage around it.
        let min_sum = if limit == 0 { u64::MAX } else { sums.get(limit - 1).copied().unwrap_or(0) };
        let kept = nodes.iter().map(|(_, node)| node).filter(|node| node.sum_ns >= min_sum).take(limit);
        let mut rows: Vec<StageRow> = kept
            .map(|node| StageRow {
                name: node.name(),
                kind: kind(node),
                depth: node.depth,
                sum_ns: node.sum_ns,
                whole_ns,
                times: Some(Times::new(node, whole_ns)),
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
    /// Returns the text that `format` produces from the stage's times; empty for the time in which
    /// no stage ran.
    pub(in crate::export) fn times_cell(&self, format: impl FnOnce(&Times) -> Option<String>) -> String {
        self.times.as_ref().and_then(format).unwrap_or_default()
    }

    /// Returns the time in the polls of an async stage.
    pub(in crate::export) fn busy_ns(&self) -> Option<u64> {
        self.times.as_ref()?.lives.as_ref().map(|lives| lives.busy_ns)
    }

    /// Returns the given name, marked if the stage is async.
    pub(in crate::export) fn marked(&self, name: &str) -> String {
        let mark = if self.busy_ns().is_some() { " (async)" } else { "" };
        format!("{name}{mark}")
    }

    /// Returns the cell in the GPU column.
    pub(in crate::export) fn gpu_cell(&self) -> String {
        self.gpu_ns.map_or_else(|| "n/a".to_owned(), millis)
    }
}

fn kind(node: &StageNode) -> &'static str {
    if node.is_step() { "step" } else { "stage" }
}

/// Returns the numbers of the session's records; parents come before children.
pub(super) fn ids(trace: &Trace) -> HashMap<NodeId, usize> {
    trace.stages.in_order().into_iter().map(|(node, _)| node).zip(0..).collect()
}

/// Returns the session's records, one per stage and parent.
pub(super) fn session_records(trace: &Trace) -> Vec<Line<impl Serialize>> {
    let ids = ids(trace);
    let nodes = trace.stages.in_order().into_iter().enumerate();
    nodes.map(|(id, (place, node))| Line(stage(trace, (id, ids.get(&node.parent).copied()), place, node))).collect()
}

/// Returns a request's records, in the order of the session's tree.
pub(super) fn request_records(
    trace: &Trace,
    request: &Request,
    ids: &HashMap<NodeId, usize>,
) -> Vec<Line<impl Serialize + use<>>> {
    let nodes = request.stages.in_order().into_iter().filter(|(_, node)| node.calls > 0);
    let records = nodes.filter_map(|(place, node)| {
        Some(Line(record! {
            // The `id` of the session's record.
            stage: ids.get(&request.origin(place)).copied()?,
            // Start of the first call, relative to the window's start.
            begin_ns: node.first_begin.saturating_sub(trace.begin),
            ..times: Times::new(node, request.duration()),
            // GPU work that the request launched in the stage.
            ..gpu: stage_times(trace, &request.stages, place),
        }))
    });
    records.collect()
}

fn stage(trace: &Trace, (id, parent): (usize, Option<usize>), place: NodeId, node: &StageNode) -> impl Serialize {
    let Spread { p50_ns, p90_ns, p99_ns, p999_ns, .. } = Spread::from_stage(node);
    let calls = node.occurrences.iter().map(|&(begin, duration_ns)| {
        // Relative to the window's start.
        record! { begin_ns: begin.saturating_sub(trace.begin), duration_ns: duration_ns, }
    });
    let peaks: Vec<_> = memory_peaks(trace, place).collect();
    record! {
        // Index in the list, starting at 0.
        id: id,
        // The `id` of the stage around it, which comes earlier in the list; null for an outermost
        // one.
        parent: parent,
        name: node.name(),
        kind: kind(node),
        // Number of stages around it.
        depth: node.depth,
        ..times: Times::new(node, trace.end - trace.begin),
        // Exact for up to 1,000 calls, otherwise within 1 %.
        p50_ns: p50_ns,
        p90_ns: p90_ns,
        p99_ns: p99_ns,
        p999_ns: p999_ns,
        // GPU work launched by it or a stage inside it; absent if the GPU was not recorded.
        ..gpu: stage_times(trace, &trace.stages, place),
        // Absent if memory was not recorded.
        memory_peaks?: (!peaks.is_empty()).then_some(peaks),
        // The first calls, in order of their ends.
        occurrences: calls.collect::<Vec<_>>(),
        occurrences_left_out?: unless_empty(node.calls - node.occurrences.len() as u64),
    }
}

/// Returns the maximum memory of the process while a stage ran, per device and origin of the
/// numbers.
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
    fn new(node: &StageNode, whole_ns: u64) -> Self {
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
