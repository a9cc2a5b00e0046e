//! The summary's stage table: everything recorded, inside and outside of requests, as shares of the
//! session.

use std::fmt::Write as _;

use crate::export::format::json::millis;
use crate::export::format::markdown::{cell, render, share};
use crate::export::reports::stages::{StageRow, StageTable};
use crate::model::Trace;

/// Maximum number of patterns of a selection that are listed.
const MAX_PATTERNS: usize = 3;

/// Header of a column, and its cell in each row.
type Column = (&'static str, fn(&StageRow) -> String);

/// Appends the table with at most `limit` stages.
pub(super) fn push(page: &mut String, trace: &Trace, limit: usize) {
    let table = StageTable::new(trace, limit);
    let whole = millis(trace.end - trace.begin);
    let _ = writeln!(
        page,
        "\n## Stages\n\nShare of the session, {whole} ms. Times in ms; `self`: in no stage inside it{}{}.{}\n",
        if table.has_busy { ", `busy`: without the waiting of futures" } else { "" },
        if table.has_cpu { ", `cpu`: of it on a core" } else { "" },
        selection(trace)
    );
    let columns = columns(&table);
    let header: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let row = |row: &StageRow| columns.iter().map(|(_, cell)| cell(row)).collect();
    let rows: Vec<Vec<String>> = table.rows.iter().map(row).collect();
    page.push_str(&render(&header, &rows));
    if table.left_out > 0 {
        let _ = writeln!(page, "\n{} shorter stages are left out; the timing report has them.", table.left_out);
    }
}

fn columns(table: &StageTable) -> Vec<Column> {
    let mut columns: Vec<Column> = vec![
        ("stage", |row| format!("{}{}", "· ".repeat(row.depth.min(8) as usize), row.marked(&cell(row.name)))),
        ("calls", |row| row.times_cell(|times| Some(times.calls.to_string()))),
        ("sum", |row| millis(row.sum_ns)),
        ("self", |row| row.times_cell(|times| Some(millis(times.self_ns)))),
        ("min", |row| row.times_cell(|times| Some(millis(times.min_ns)))),
        ("max", |row| row.times_cell(|times| Some(millis(times.max_ns)))),
        // The sum of overlapping calls can exceed the session.
        ("share", |row| share(row.sum_ns, row.whole_ns, row.times.as_ref().is_some_and(|times| times.concurrent))),
    ];
    columns.extend(
        table
            .has_busy
            .then_some(("busy", (|row| row.busy_ns().map(millis).unwrap_or_default()) as fn(&StageRow) -> String)),
    );
    columns.extend(
        table
            .has_cpu
            .then_some(("cpu", (|row| row.times_cell(|times| times.cpu_ns.map(millis))) as fn(&StageRow) -> String)),
    );
    columns.extend(table.gpu.map(|head| (head, StageRow::gpu_cell as fn(&StageRow) -> String)));
    columns
}

/// Returns a sentence about what was not recorded, if stages were selected.
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
