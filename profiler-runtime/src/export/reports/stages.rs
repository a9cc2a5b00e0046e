//! Stage times as `timing_rank*.json` shows them: one record per stage and place in the tree.

use serde::Serialize;

use crate::export::facts::gpu::{TimesReport, of_stage};
use crate::export::format::json::{Line, ms};
use crate::model::{StageNode, StageTree, Trace};

/// One stage at one place.
#[derive(Debug, Serialize)]
pub(super) struct StageReport {
    name: &'static str,
    /// The names from the outermost stage to this one, joined by `/`.
    path: String,
    depth: u32,
    kind: &'static str,
    calls: u64,
    sum_ms: f64,
    min_ms: f64,
    max_ms: f64,
    /// Time in no stage inside it.
    self_ms: f64,
    /// Of async stages: time in polls. The rest of the sum it waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    busy_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polls: Option<u64>,
    /// GPU work that it launched, it or a stage inside it; absent if the GPU was not recorded.
    #[serde(flatten)]
    gpu: Option<TimesReport>,
    /// The first calls, in order of their ends.
    occurrences: Vec<Occurrence>,
    #[serde(skip_serializing_if = "is_zero")]
    occurrences_left_out: u64,
}

#[derive(Debug, Serialize)]
struct Occurrence {
    /// Since the window began.
    begin_ms: f64,
    duration_ms: f64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The stages of a tree of the trace, parents before children.
pub(super) fn reports(trace: &Trace, tree: &StageTree) -> Vec<Line<StageReport>> {
    let mut outer: Vec<&str> = Vec::new();
    let nodes = tree.in_order().into_iter();
    let reports = nodes.map(|(id, node)| {
        outer.truncate(node.depth as usize);
        outer.push(node.name());
        Line(StageReport::new(node, outer.join("/"), trace.begin, of_stage(trace, tree, id)))
    });
    reports.collect()
}

impl StageReport {
    fn new(node: &StageNode, path: String, window_begin: u64, gpu: Option<TimesReport>) -> Self {
        let is_async = node.polls > 0;
        let occurrences = node.occurrences.iter().map(|&(begin, duration)| Occurrence {
            begin_ms: ms(begin.saturating_sub(window_begin)),
            duration_ms: ms(duration),
        });
        Self {
            name: node.name(),
            path,
            depth: node.depth,
            kind: if node.is_step() { "step" } else { "stage" },
            calls: node.calls,
            sum_ms: ms(node.sum_ns),
            min_ms: ms(if node.calls == 0 { 0 } else { node.min_ns }),
            max_ms: ms(node.max_ns),
            self_ms: ms(node.self_ns()),
            busy_ms: is_async.then(|| ms(node.busy_ns)),
            polls: is_async.then_some(node.polls),
            gpu,
            occurrences_left_out: node.calls - node.occurrences.len() as u64,
            occurrences: occurrences.collect(),
        }
    }
}
