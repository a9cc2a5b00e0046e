//! `profiler_out_*.txt`: the operator table in the layout of PyTorch's `table()`, for people and
//! scripts that are used to it.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use crate::model::{GroupBy, KeyAverage, Trace};
use crate::text;

use super::averages::{KeyAverages, SortBy, average, marked};

/// Width of a column of numbers.
const WIDTH: usize = 12;
/// Maximum widths of the columns of names, shapes and source locations.
const MAX_WIDTHS: [usize; 3] = [55, 80, 75];
/// Maximum number of stack frames per row.
const FRAMES: usize = 8;
/// Maximum number of ops without a formula that the footer names.
const NAMES: usize = 10;
/// Footnote of a table whose totals exceed the time that they cover.
pub(in crate::export) const COUNTED_TWICE: &str =
    "CPU totals: calls that are concurrent or nested in one another are counted more than once.";
const UNITS: [&str; 6] = ["FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs"];

/// Writes the table by name, sorted as `torch_profiler_dump_cuda_time_total` requires. Rank 0 also
/// prints it, as vLLM does: once, on the exporting thread.
pub(in crate::export) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let text = KeyAverages::new(trace, GroupBy::Name).sort_by(SortBy::SelfCudaTime).table();
    out.write_all(text.as_bytes())?;
    if trace.context.rank == 0 {
        // A closed standard output must not prevent the file, and `print!` would panic.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }
    Ok(())
}

/// A column: its header, and one cell per row; only source locations have several lines.
struct Column {
    head: String,
    width: usize,
    is_left_aligned: bool,
    cells: Vec<Vec<String>>,
}

impl KeyAverages {
    /// Renders the table as text in PyTorch's layout. Percentages refer to
    /// [`self_cpu_time_total`](Self::self_cpu_time_total) and
    /// [`self_cuda_time_total`](Self::self_cuda_time_total).
    #[must_use]
    pub fn table(&self) -> String {
        render(self)
    }
}

impl fmt::Display for KeyAverages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table())
    }
}

fn render(table: &KeyAverages) -> String {
    let shown = &table.rows()[..table.limit.min(table.rows().len())];
    let columns = columns(table, shown);
    let rule: Vec<String> = columns.iter().map(|column| "-".repeat(column.width)).collect();
    let rule = rule.join("  ");
    let mut text = String::new();
    let mut push = |line: &str| {
        text.push_str(line.trim_end());
        text.push('\n');
    };
    push(&rule);
    push(&line(&columns, |column| &column.head));
    push(&rule);
    for row in 0..shown.len() {
        let lines = columns.iter().map(|column| column.cells[row].len()).max().unwrap_or(0);
        for at in 0..lines {
            push(&line(&columns, |column| column.cells[row].get(at).map_or("", String::as_str)));
        }
    }
    push(&rule);
    footer(table, shown.len()).iter().for_each(|line| push(line));
    text
}

fn line<'a>(columns: &'a [Column], cell: impl Fn(&'a Column) -> &'a str) -> String {
    let cells = columns.iter().map(|column| {
        let (cell, width) = (cell(column), column.width);
        if column.is_left_aligned { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ")
}

fn columns(table: &KeyAverages, rows: &[KeyAverage]) -> Vec<Column> {
    let mut columns = Columns { rows, all: Vec::new() };
    columns.add_times(table);
    columns.add_memory();
    columns.number("# of Calls", |row| row.count.to_string());
    columns.add_descriptions(table);
    columns.number("Kind", |row| kind(row).to_owned());
    if rows.iter().any(|row| row.is_async) {
        columns.number("# of Polls", |row| if row.is_async { row.polls.to_string() } else { String::new() });
    }
    if rows.iter().any(|row| row.wall_time.is_some()) {
        columns.number("Wall total", |row| row.wall_time.map(time).unwrap_or_default());
    }
    if rows.iter().any(|row| row.thread_cpu_time.is_some()) {
        columns.number("Thread CPU", |row| row.thread_cpu_time.map(time).unwrap_or_default());
    }
    columns.all
}

/// Columns under construction, from left to right.
struct Columns<'a> {
    rows: &'a [KeyAverage],
    all: Vec<Column>,
}

impl Columns<'_> {
    fn number(&mut self, head: &str, cell: impl Fn(&KeyAverage) -> String) {
        let cells = self.rows.iter().map(|row| vec![cell(row)]).collect();
        self.all.push(Column { head: head.to_owned(), width: WIDTH.max(head.len()), is_left_aligned: false, cells });
    }

    fn add_times(&mut self, table: &KeyAverages) {
        let total = table.self_cpu_time_total();
        self.all.push(text_column("Name", MAX_WIDTHS[0], self.rows, |row| vec![marked(row, &one_line(&row.name))]));
        self.number("Self CPU %", |row| share(row.self_cpu_time, total));
        self.number("Self CPU", |row| time(row.self_cpu_time));
        self.number("CPU total %", |row| share(row.cpu_time, total));
        self.number("CPU total", |row| time(row.cpu_time));
        self.number("CPU time avg", |row| time(average(row, row.cpu_time)));
        if let Some(total) = table.self_cuda_time_total() {
            self.number("Self CUDA", |row| time(row.self_cuda_time.unwrap_or_default()));
            self.number("Self CUDA %", |row| share(row.self_cuda_time.unwrap_or_default(), total));
            self.number("CUDA total", |row| time(row.cuda_time.unwrap_or_default()));
            self.number("CUDA time avg", |row| time(average(row, row.cuda_time.unwrap_or_default())));
        }
    }

    fn add_memory(&mut self) {
        if self.rows.iter().any(|row| row.cpu_memory.is_some()) {
            self.number("CPU Mem", |row| memory(row.cpu_memory));
            self.number("Self CPU Mem", |row| memory(row.self_cpu_memory));
        }
        if self.rows.iter().any(|row| row.cuda_memory.is_some()) {
            self.number("CUDA Mem", |row| memory(row.cuda_memory));
            self.number("Self CUDA Mem", |row| memory(row.self_cuda_memory));
        }
    }

    fn add_descriptions(&mut self, table: &KeyAverages) {
        let rows = self.rows;
        if table.columns.shapes {
            let shapes = |row: &KeyAverage| vec![row.input_shapes.as_deref().map(shapes).unwrap_or_default()];
            self.all.push(text_column("Input Shapes", MAX_WIDTHS[1], rows, shapes));
        }
        if table.columns.stack {
            let frames = |row: &KeyAverage| row.stack.iter().take(FRAMES).map(|frame| one_line(frame)).collect();
            self.all
                .push(Column { is_left_aligned: true, ..text_column("Source Location", MAX_WIDTHS[2], rows, frames) });
        }
        if table.columns.flops && rows.iter().any(|row| row.flops.is_some()) {
            let least = rows.iter().filter_map(|row| row.flops.filter(|&flops| flops > 0)).min().unwrap_or(0);
            let (scale, unit) = unit_of(least);
            self.number(&format!("Total {unit}"), |row| {
                row.flops.map_or("--".to_owned(), |flops| format!("{:.3}", flops as f64 / scale))
            });
        }
    }
}

/// Creates a column four characters wider than its longest cell, but at most `max_width` wide;
/// longer cells are shortened.
fn text_column(head: &str, max_width: usize, rows: &[KeyAverage], cell: impl Fn(&KeyAverage) -> Vec<String>) -> Column {
    let cells: Vec<Vec<String>> = rows.iter().map(cell).collect();
    let longest = cells.iter().flatten().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let width = (longest + 4).max(head.len()).min(max_width);
    let cells = cells.into_iter().map(|lines| lines.into_iter().map(|cell| cut(cell, width)).collect()).collect();
    Column { head: head.to_owned(), width, is_left_aligned: false, cells }
}

fn footer(table: &KeyAverages, shown: usize) -> Vec<String> {
    let mut lines = vec![format!("Self CPU time total: {}", time(table.self_cpu_time_total()))];
    if let Some(total) = table.self_cuda_time_total() {
        lines.push(format!("Self CUDA time total: {}", time(total)));
    } else if matches!(table.sorted_by, SortBy::SelfCudaTime | SortBy::CudaTime) {
        lines.push("Sorted by self CPU time: there are no GPU records.".to_owned());
    }
    if table.nested || table.rows().iter().any(|row| row.cpu_time > table.self_cpu_time_total()) {
        lines.push(COUNTED_TWICE.to_owned());
    }
    let left_out = table.rows().len() - shown;
    if left_out > 0 {
        lines.push(format!("{left_out} more rows are not shown; their times are in the total."));
    }
    if table.merged_calls > 0 {
        lines.push(format!(
            "{} calls had too many different shapes or stacks and count under their names.",
            table.merged_calls
        ));
    }
    let mut seen = HashSet::new();
    let without_formula = table.rows().iter().filter(|row| row.calls_without_flops > 0).map(|row| row.name.as_str());
    let without_formula: Vec<&str> = without_formula.filter(|name| seen.insert(*name)).collect();
    if table.columns.flops && !without_formula.is_empty() {
        let more = without_formula.len().checked_sub(NAMES).filter(|&more| more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        let names: Vec<String> = without_formula.iter().take(NAMES).map(|name| one_line(name)).collect();
        lines.push(format!("Calls without a FLOPs formula, in no sum: {}{more}.", names.join(", ")));
    }
    lines
}

/// Returns the kind of a row as a word.
pub(super) const fn kind(row: &KeyAverage) -> &'static str {
    match row.kind {
        Some(kind) => kind.word(),
        None => "gpu",
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if text::acts(letter) { ' ' } else { letter }).collect()
}

fn cut(text: String, width: usize) -> String {
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 3).chain("...".chars()).collect()
}

/// Returns the largest unit in which a FLOP count is at least 1, as the number of operations and
/// the name.
fn unit_of(flops: u64) -> (f64, &'static str) {
    let power = (flops.checked_ilog10().unwrap_or(0) as usize / 3).min(UNITS.len() - 1);
    // CAST: there are six units.
    (1000_f64.powi(power as i32), UNITS[power])
}

/// Formats a FLOP count with its unit.
pub(in crate::export) fn flops_with_unit(flops: u64) -> String {
    let (scale, unit) = unit_of(flops);
    format!("{:.3} {unit}", flops as f64 / scale)
}

/// Formats shapes in Python's syntax.
pub(super) fn shapes(inputs: &[Vec<u64>]) -> String {
    format!("{inputs:?}")
}

fn time(time: Duration) -> String {
    let us = time.as_nanos() as f64 / 1e3;
    match us {
        us if us >= 1e6 => format!("{:.3}s", us / 1e6),
        us if us >= 1e3 => format!("{:.3}ms", us / 1e3),
        us => format!("{us:.3}us"),
    }
}

/// Formats bytes in PyTorch's units.
fn memory(bytes: Option<i64>) -> String {
    let Some(bytes) = bytes else { return String::new() };
    let size = bytes.unsigned_abs();
    match [(30, "GB"), (20, "MB"), (10, "KB")].into_iter().find(|&(power, _)| size >= 1 << power) {
        Some((power, unit)) => format!("{:.2} {unit}", bytes as f64 / (1_u64 << power) as f64),
        None => format!("{bytes} B"),
    }
}

fn share(part: Duration, whole: Duration) -> String {
    if whole.is_zero() { "NaN".to_owned() } else { format!("{:.2}%", part.as_secs_f64() * 100.0 / whole.as_secs_f64()) }
}
