//! The summary's table of stages: everything that was recorded, in whatever request or none, as shares of the session.

use std::fmt::Write as _;

use crate::export::format::json::ms;
use crate::export::format::markdown::{cell, render};
use crate::export::report_parts::{gpu, rest_name};
use crate::export::reports::stages::longest;
use crate::model::{GpuTimes, StageNode, Trace};

use super::millis;

/// Patterns of a selection that are named.
const MAX_PATTERNS: usize = 3;

/// Adds the table, with at most `most` stages.
pub(super) fn push(page: &mut String, trace: &Trace, most: usize) {
    let (kept, left_out) = longest(trace, most);
    let table = Table {
        trace,
        has_busy: kept.iter().any(|node| node.lives > 0),
        has_cpu: kept.iter().any(|node| node.cpu_ns.is_some()),
    };
    let mut rows: Vec<Vec<String>> = kept.iter().map(|node| table.stage(node)).collect();
    rows.push(table.rest());
    let whole = millis(trace.end - trace.begin);
    let _ = writeln!(
        page,
        "\n## Stages\n\nShare of the session, {whole} ms. Times in ms{}.{}\n",
        table.legend(),
        selection(trace)
    );
    page.push_str(&render(&table.header(), &rows));
    if left_out > 0 {
        let _ = writeln!(page, "\n{left_out} shorter stages are left out; the timing report has them.");
    }
}

/// Returns a sentence that says what was not recorded, if stages were selected.
fn selection(trace: &Trace) -> String {
    let patterns = &trace.context.options.stages;
    if patterns.is_empty() {
        return String::new();
    }
    let named: Vec<String> = patterns.iter().take(MAX_PATTERNS).map(|pattern| format!("`{}`", cell(pattern))).collect();
    let more = if patterns.len() > MAX_PATTERNS { ", …" } else { "" };
    format!(
        " Only {}{more} and what runs inside were recorded (`stages`): the last row holds all else that ran.",
        named.join(", ")
    )
}

struct Table<'a> {
    trace: &'a Trace,
    /// True if a stage is async: those were busy for less than they lived.
    has_busy: bool,
    /// True if CPU time was measured.
    has_cpu: bool,
}

impl Table<'_> {
    fn header(&self) -> Vec<&'static str> {
        let mut header = vec!["stage", "calls", "sum", "self", "min", "max", "share"];
        header.extend(self.has_busy.then_some("busy"));
        header.extend(self.has_cpu.then_some("cpu"));
        header.extend(self.trace.gpu.as_ref().ok().map(gpu::column));
        header
    }

    /// Returns what the columns mean.
    fn legend(&self) -> &'static str {
        match (self.has_busy, self.has_cpu) {
            (false, false) => "; `self`: in no stage inside it",
            (true, false) => "; `self`: in no stage inside it, `busy`: without the waiting of futures",
            (false, true) => "; `self`: in no stage inside it, `cpu`: of it on a core",
            (true, true) => {
                "; `self`: in no stage inside it, `busy`: without the waiting of futures, `cpu`: of it on a core"
            }
        }
    }

    fn stage(&self, node: &StageNode) -> Vec<String> {
        let indent = "· ".repeat(node.depth.min(8) as usize);
        let is_async = node.lives > 0;
        let mark = if is_async { " (async)" } else { "" };
        // Calls that overlap can take longer than the session.
        let is_concurrent = node.is_concurrent(self.trace.end - self.trace.begin);
        let mut row = vec![
            format!("{indent}{}{mark}", cell(node.name())),
            node.calls.to_string(),
            millis(node.sum_ns),
            millis(node.self_ns()),
            millis(node.shortest_ns()),
            millis(node.max_ns),
            format!("{}{}", self.share(node.sum_ns), if is_concurrent { " (concurrent)" } else { "" }),
        ];
        row.extend(self.has_busy.then(|| if is_async { millis(node.busy_ns) } else { String::new() }));
        row.extend(self.has_cpu.then(|| node.cpu_ns.map(millis).unwrap_or_default()));
        self.with_gpu(row, node.gpu)
    }

    /// Returns the row of the time in which no stage ran, and of the GPU's work that none launched.
    fn rest(&self) -> Vec<String> {
        let (ns, none) = (self.trace.unaccounted_ns, String::new);
        let mut row =
            vec![rest_name(self.trace).to_owned(), none(), millis(ns), none(), none(), none(), self.share(ns)];
        row.extend(self.has_busy.then(none));
        row.extend(self.has_cpu.then(none));
        self.with_gpu(row, self.trace.gpu.as_ref().map_or_else(|_| GpuTimes::default(), |gpu| gpu.unattributed))
    }

    fn with_gpu(&self, mut row: Vec<String>, times: GpuTimes) -> Vec<String> {
        row.extend(self.trace.gpu.as_ref().ok().map(|gpu| gpu::cell(gpu, times)));
        row
    }

    fn share(&self, ns: u64) -> String {
        let percent = ms(ns) * 100.0 / ms(self.trace.end - self.trace.begin).max(1e-6);
        format!("{percent:.1} %")
    }
}
