//! The sheet of stages: the summary's table with all stages.

use std::time::Duration;

use crate::export::reports::stages::{StageRow, Times};

use super::sheet::Shows::{Count, Flag, Micros, Share, Text};
use super::sheet::{Cell, Column};

/// Returns the columns of the sheet.
pub(super) fn columns() -> [Column<StageRow>; 15] {
    [
        Column::new("stage", Text, |row| Cell::indented(row.name, row.depth)),
        Column::new("kind", Text, |row| cell(row, |_| Cell::text(row.kind))),
        Column::new("depth", Count, |row| cell(row, |_| Cell::Number(row.depth.into()))),
        Column::new("calls", Count, |row| cell(row, |times| Cell::Number(times.calls as f64))),
        Column::new("total_us", Micros, |row| us(Some(row.sum_ns))),
        Column::new("self_us", Micros, |row| cell(row, |times| us(Some(times.self_ns)))),
        Column::new("share", Share, |row| {
            Cell::share(Duration::from_nanos(row.sum_ns), Duration::from_nanos(row.whole_ns))
        }),
        Column::new("concurrent", Flag, |row| cell(row, |times| Cell::Flag(times.concurrent))),
        Column::new("avg_us", Micros, |row| cell(row, |times| us(row.sum_ns.checked_div(times.calls)))),
        Column::new("shortest_us", Micros, |row| cell(row, |times| us(Some(times.min_ns)))),
        Column::new("longest_us", Micros, |row| cell(row, |times| us(Some(times.max_ns)))),
        Column::new("polls", Count, |row| {
            cell(row, |times| times.lives.as_ref().map_or(Cell::Empty, |lives| Cell::Number(lives.polls as f64)))
        }),
        Column::new("busy_us", Micros, |row| us(row.busy_ns())),
        Column::new("thread_cpu_us", Micros, |row| cell(row, |times| us(times.cpu_ns))),
        Column::new("gpu_us", Micros, |row| us(row.gpu_ns)),
    ]
}

/// Returns a cell computed from a stage's times; empty for the time in which no stage ran.
fn cell(row: &StageRow, value: impl Fn(&Times) -> Cell) -> Cell {
    row.times.as_ref().map_or(Cell::Empty, value)
}

fn us(ns: Option<u64>) -> Cell {
    Cell::us_if_known(ns.map(Duration::from_nanos))
}
