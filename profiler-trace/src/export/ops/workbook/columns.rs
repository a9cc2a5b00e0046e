//! Columns of the operator tables: first vLLM-Omni's, in its order, then FLOPs if they were
//! counted, then our own.

use std::time::Duration;

use crate::export::ops::averages::{KeyAverages, average};
use crate::export::ops::text::{kind, shapes};
use crate::model::{ExportOptions, KeyAverage};

use super::sheet::Shows::{Count, Flag, Micros, Nothing, Share, Text};
use super::sheet::{Cell, Column};

/// A row, and the totals that its shares refer to.
pub(super) struct Row<'a> {
    op: &'a KeyAverage,
    cpu: Duration,
    cuda: Option<Duration>,
}

/// Returns the rows of a table.
pub(super) fn rows(table: &KeyAverages) -> impl Iterator<Item = Row<'_>> {
    let (cpu, cuda) = (table.self_cpu_time_total(), table.self_cuda_time_total());
    table.into_iter().map(move |op| Row { op, cpu, cuda })
}

/// Returns the columns for these options.
pub(super) fn columns<'a>(options: &ExportOptions) -> Vec<Column<Row<'a>>> {
    let mut columns = Vec::from(upstream_columns());
    if options.torch_profiler_with_flops {
        columns.extend(flops_columns());
    }
    columns.extend(own_columns());
    if options.cpu_time {
        columns.push(Column::new("thread_cpu_time_total_us", Micros, |row| Cell::us_if_known(row.op.thread_cpu_time)));
    }
    columns
}

/// Returns vLLM-Omni's columns. Those for XPUs are empty, because XPUs are not recorded.
fn upstream_columns<'a>() -> [Column<Row<'a>>; 21] {
    [
        Column::new("name", Text, |row| Cell::text(&row.op.name)),
        Column::new("count", Count, |row| Cell::Number(row.op.count as f64)),
        Column::new("device_type", Text, |row| Cell::text(device_type(row.op))),
        Column::new("node_id", Nothing, |_| Cell::Number(-1.0)),
        Column::new("self_cpu_time_total_us", Micros, |row| Cell::us(row.op.self_cpu_time)),
        Column::new("cpu_time_total_us", Micros, |row| Cell::us(row.op.cpu_time)),
        Column::new("self_cuda_time_total_us", Micros, |row| Cell::us_if_known(row.op.self_cuda_time)),
        Column::new("cuda_time_total_us", Micros, |row| Cell::us_if_known(row.op.cuda_time)),
        Column::new("self_xpu_time_total_us", Nothing, |_| Cell::Empty),
        Column::new("xpu_time_total_us", Nothing, |_| Cell::Empty),
        Column::new("self_cpu_memory_usage_bytes", Count, |row| Cell::bytes(row.op.self_cpu_memory)),
        Column::new("cpu_memory_usage_bytes", Count, |row| Cell::bytes(row.op.cpu_memory)),
        Column::new("self_cuda_memory_usage_bytes", Count, |row| Cell::bytes(row.op.self_cuda_memory)),
        Column::new("cuda_memory_usage_bytes", Count, |row| Cell::bytes(row.op.cuda_memory)),
        Column::new("self_xpu_memory_usage_bytes", Nothing, |_| Cell::Empty),
        Column::new("xpu_memory_usage_bytes", Nothing, |_| Cell::Empty),
        Column::new("input_shapes", Text, |row| {
            row.op.input_shapes.as_deref().map_or(Cell::Empty, |inputs| Cell::text(&shapes(inputs)))
        }),
        Column::new("stack", Text, |row| {
            if row.op.stack.is_empty() { Cell::Empty } else { Cell::text(&row.op.stack.join("\n")) }
        }),
        Column::new("overload_name", Nothing, |_| Cell::Empty),
        Column::new("is_async", Flag, |row| Cell::Flag(row.op.is_async)),
        Column::new("is_legacy", Nothing, |_| Cell::Flag(false)),
    ]
}

fn flops_columns<'a>() -> [Column<Row<'a>>; 3] {
    [
        Column::new("total_flops", Count, |row| row.op.flops.map_or(Cell::Empty, |flops| Cell::Number(flops as f64))),
        Column::new("achieved_flops_per_s", Count, |row| row.op.flops_per_second.map_or(Cell::Empty, Cell::Number)),
        Column::new("flops_formula", Text, |row| formula(row.op).map_or(Cell::Empty, Cell::Text)),
    ]
}

fn own_columns<'a>() -> [Column<Row<'a>>; 7] {
    [
        Column::new("kind", Text, |row| Cell::text(kind(row.op))),
        Column::new(
            "polls",
            Count,
            |row| if row.op.is_async { Cell::Number(row.op.polls as f64) } else { Cell::Empty },
        ),
        Column::new("wall_time_total_us", Micros, |row| Cell::us_if_known(row.op.wall_time)),
        Column::new("self_cpu_share", Share, |row| Cell::share(row.op.self_cpu_time, row.cpu)),
        Column::new("cpu_time_avg_us", Micros, |row| Cell::us(average(row.op, row.op.cpu_time))),
        Column::new("self_cuda_share", Share, |row| match (row.op.self_cuda_time, row.cuda) {
            (Some(own), Some(whole)) => Cell::share(own, whole),
            _ => Cell::Empty,
        }),
        Column::new("cuda_time_avg_us", Micros, |row| {
            Cell::us_if_known(row.op.cuda_time.map(|time| average(row.op, time)))
        }),
    ]
}

/// Returns PyTorch's name for the device that a row ran on.
const fn device_type(op: &KeyAverage) -> &'static str {
    if op.is_cuda { "DeviceType.CUDA" } else { "DeviceType.CPU" }
}

/// Returns whether the calls of a row have a FLOPs formula; `None` if they cannot have one.
fn formula(op: &KeyAverage) -> Option<String> {
    match (op.calls_with_flops, op.calls_without_flops) {
        (0, 0) => None,
        (0, _) => Some("no".to_owned()),
        (_, 0) => Some("yes".to_owned()),
        (with, without) => Some(format!("{with} of {} calls", with + without)),
    }
}
