//! The sheet of stages: what the summary's table shows, with every stage.

use std::time::Duration;

use crate::export::report_parts::{gpu, rest_name};
use crate::model::{GpuTimes, StageNode, Trace};

use super::sheet::Shows::{Count, Flag, Micros, Share, Text};
use super::sheet::{Cell, Column};

/// A stage at its place in the tree, or the time in which none ran.
pub(super) struct Row<'a> {
    name: &'a str,
    /// The stage; `None` for the time in which none ran.
    node: Option<&'a StageNode>,
    sum: Duration,
    whole: Duration,
    /// GPU time of what it launched; `None` if it is not known.
    gpu: Option<Duration>,
}

/// Columns of the sheet.
pub(super) fn columns<'a>() -> [Column<Row<'a>>; 15] {
    [
        Column::new("stage", Text, |row| Cell::indented(row.name, row.node.map_or(0, |node| node.depth))),
        Column::new("kind", Text, |row| match row.node {
            Some(node) => Cell::text(if node.is_step() { "step" } else { "stage" }),
            None => Cell::Empty,
        }),
        Column::new("depth", Count, |row| row.number(|node| u64::from(node.depth))),
        Column::new("calls", Count, |row| row.number(|node| node.calls)),
        Column::new("total_us", Micros, |row| Cell::us(row.sum)),
        Column::new("self_us", Micros, |row| row.time(|node| Some(node.self_ns()))),
        Column::new("share", Share, |row| Cell::share(row.sum, row.whole)),
        Column::new("concurrent", Flag, |row| match row.node {
            // CAST: a recording is shorter than 584 years.
            Some(node) => Cell::Flag(node.is_concurrent(row.whole.as_nanos() as u64)),
            None => Cell::Empty,
        }),
        Column::new("avg_us", Micros, |row| row.time(|node| node.sum_ns.checked_div(node.calls))),
        Column::new("shortest_us", Micros, |row| row.time(|node| Some(node.shortest_ns()))),
        Column::new("longest_us", Micros, |row| row.time(|node| Some(node.max_ns))),
        Column::new("polls", Count, |row| match row.node {
            Some(node) if node.lives > 0 => Cell::Number(node.polls as f64),
            _ => Cell::Empty,
        }),
        Column::new("busy_us", Micros, |row| row.time(|node| (node.lives > 0).then_some(node.busy_ns))),
        Column::new("thread_cpu_us", Micros, |row| row.time(|node| node.cpu_ns)),
        Column::new("gpu_us", Micros, |row| Cell::us_if_known(row.gpu)),
    ]
}

/// Returns the stages, each below the one around it, and the time in which none ran.
pub(super) fn rows(trace: &Trace) -> impl Iterator<Item = Row<'_>> {
    let whole = Duration::from_nanos(trace.end - trace.begin);
    let gpu_time = |times: GpuTimes| {
        let gpu = trace.gpu.as_ref().ok().filter(|gpu| gpu::is_known(gpu, times));
        gpu.map(|_| Duration::from_nanos(times.busy_ns))
    };
    let stages = trace.stages.in_order().into_iter().map(move |(_, node)| Row {
        name: node.name(),
        node: Some(node),
        sum: Duration::from_nanos(node.sum_ns),
        whole,
        gpu: gpu_time(node.gpu),
    });
    let rest = Row {
        name: rest_name(trace),
        node: None,
        sum: Duration::from_nanos(trace.unaccounted_ns),
        whole,
        gpu: trace.gpu.as_ref().ok().and_then(|gpu| gpu_time(gpu.unattributed)),
    };
    stages.chain([rest])
}

impl Row<'_> {
    fn number(&self, of: impl Fn(&StageNode) -> u64) -> Cell {
        self.node.map_or(Cell::Empty, |node| Cell::Number(of(node) as f64))
    }

    fn time(&self, of: impl Fn(&StageNode) -> Option<u64>) -> Cell {
        Cell::us_if_known(self.node.and_then(of).map(Duration::from_nanos))
    }
}
