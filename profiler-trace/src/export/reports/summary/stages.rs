//! The summary's table of stages: everything recorded, inside requests and outside, as shares of
//! the session.

use std::fmt::Write as _;

use crate::export::format::json::millis;
use crate::export::format::markdown::{cell, render, share};
use crate::export::reports::stages::{StageRow, StageTable};
use crate::model::Trace;

/// Patterns of a selection that are listed.
const MAX_PATTERNS: usize = 3;

/// A column: its head, and its cell of each row.
type Column = (&'static str, fn(&StageRow) -> String);

/// Adds the table, with at most `most` stages.
pub(super) fn push(page: &mut String, trace: &Trace, most: usize) {
    let table = StageTable::of(trace, most);
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
        ("calls", |row| row.told(|times| Some(times.calls.to_string()))),
        ("sum", |row| millis(row.sum_ns)),
        ("self", |row| row.told(|times| Some(millis(times.self_ns)))),
        ("min", |row| row.told(|times| Some(millis(times.min_ns)))),
        ("max", |row| row.told(|times| Some(millis(times.max_ns)))),
        // Calls that overlap can take longer than the session.
        ("share", |row| share(row.sum_ns, row.whole_ns, row.times.as_ref().is_some_and(|times| times.concurrent))),
    ];
    columns.extend(
        table
            .has_busy
            .then_some(("busy", (|row| row.busy_ns().map(millis).unwrap_or_default()) as fn(&StageRow) -> String)),
    );
    columns.extend(
        table.has_cpu.then_some(("cpu", (|row| row.told(|times| times.cpu_ns.map(millis))) as fn(&StageRow) -> String)),
    );
    columns.extend(table.gpu.map(|head| (head, StageRow::gpu_cell as fn(&StageRow) -> String)));
    columns
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
