//! `ops_rank*.xlsx`: the operator tables for spreadsheets and pandas, with vLLM-Omni's sheets and columns.
//!
//! A value that was not measured is an empty cell, never 0. Rows go through a temporary file beside the workbook, one at a
//! time.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};

use crate::config::ProfilerConfig;
use crate::model::{GroupBy, KeyAverage, Trace};

use super::averages::KeyAverages;
use super::text::{kind, shapes};

/// Frames that make a row of `by_stack`.
const FRAMES: usize = 8;
/// Characters that a cell can hold.
const MAX_TEXT: usize = 32_767;
/// Narrowest and widest column, in characters.
const WIDTHS: (usize, usize) = (12, 80);

/// What a cell holds.
enum Cell {
    Empty,
    Number(f64),
    Text(String),
    Flag(bool),
}

type Column = (&'static str, fn(&KeyAverage) -> Cell);

/// Writes the workbook; `path` is where it will be.
pub(in crate::export) fn write(trace: &Trace, path: &Path, out: &mut dyn Write) -> io::Result<()> {
    let bytes = workbook(trace, path.parent()).map_err(io::Error::other)?;
    out.write_all(&bytes)
}

fn workbook(trace: &Trace, folder: Option<&Path>) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    if let Some(folder) = folder.filter(|folder| *folder != Path::new("")) {
        workbook.set_tempdir(folder)?;
    }
    let config = &trace.context.config;
    for (name, by) in sheets(config) {
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        fill(sheet, &KeyAverages::of(trace, by), &columns(config))?;
    }
    workbook.save_to_buffer()
}

fn sheets(config: &ProfilerConfig) -> impl Iterator<Item = (&'static str, GroupBy)> {
    [
        (true, "summary", GroupBy::Name),
        (config.torch_profiler_record_shapes, "by_shape", GroupBy::InputShapes),
        (config.torch_profiler_with_stack, "by_stack", GroupBy::Stack(FRAMES)),
    ]
    .into_iter()
    .filter_map(|(wanted, name, by)| wanted.then_some((name, by)))
}

fn fill(sheet: &mut Worksheet, table: &KeyAverages, columns: &[Column]) -> Result<(), XlsxError> {
    let mut widths: Vec<usize> = columns.iter().map(|(head, _)| head.len()).collect();
    for (column, (head, _)) in (0..).zip(columns) {
        sheet.write_string(0, column, *head)?;
    }
    for (row, average) in (1..).zip(table) {
        for ((column, (_, cell)), width) in (0..).zip(columns).zip(&mut widths) {
            *width = (*width).max(cell(average).write(sheet, row, column)?);
        }
    }
    for (column, width) in (0..).zip(widths) {
        sheet.set_column_width(column, (width + 2).clamp(WIDTHS.0, WIDTHS.1) as f64)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    // CAST: the groups of a table are limited to fewer rows than a sheet has.
    sheet.autofilter(0, 0, table.rows().len() as u32, columns.len() as u16 - 1)?;
    Ok(())
}

impl Cell {
    /// Its width in characters.
    fn write(self, sheet: &mut Worksheet, row: u32, column: u16) -> Result<usize, XlsxError> {
        Ok(match self {
            Self::Empty => 0,
            Self::Number(number) => {
                sheet.write_number(row, column, number)?;
                number.to_string().len()
            }
            Self::Flag(flag) => {
                sheet.write_boolean(row, column, flag)?;
                5
            }
            Self::Text(text) => {
                let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
                sheet.write_string(row, column, text)?;
                widest
            }
        })
    }

    /// Text as a cell can hold it: not too long, and without what XML has no characters for.
    fn text(text: &str) -> Self {
        let letters = text.encode_utf16().count();
        let kept = text.chars().filter(|&letter| letter == '\n' || !letter.is_control());
        // A letter may take two of the places.
        Self::Text(if letters > MAX_TEXT { kept.take(MAX_TEXT / 2).collect() } else { kept.collect() })
    }

    fn bytes(bytes: Option<i64>) -> Self {
        bytes.map_or(Self::Empty, |bytes| Self::Number(bytes as f64))
    }

    fn us(time: Duration) -> Self {
        Self::Number(time.as_nanos() as f64 / 1e3)
    }

    fn cuda_us(time: Option<Duration>) -> Self {
        time.map_or(Self::Empty, Self::us)
    }
}

/// vLLM-Omni's columns, behind them those of FLOPs, if they were counted, and ours. An XPU has no records.
fn columns(config: &ProfilerConfig) -> Vec<Column> {
    const EMPTY: fn(&KeyAverage) -> Cell = |_| Cell::Empty;
    let mut columns: Vec<Column> = vec![
        ("name", |row| Cell::text(&row.name)),
        ("count", |row| Cell::Number(row.count as f64)),
        ("device_type", |row| Cell::Text(device_type(row).to_owned())),
        ("node_id", |_| Cell::Number(-1.0)),
        ("self_cpu_time_total_us", |row| Cell::us(row.self_cpu_time)),
        ("cpu_time_total_us", |row| Cell::us(row.cpu_time)),
        ("self_cuda_time_total_us", |row| Cell::cuda_us(row.self_cuda_time)),
        ("cuda_time_total_us", |row| Cell::cuda_us(row.cuda_time)),
        ("self_xpu_time_total_us", EMPTY),
        ("xpu_time_total_us", EMPTY),
        ("self_cpu_memory_usage_bytes", |row| Cell::bytes(row.self_cpu_memory)),
        ("cpu_memory_usage_bytes", |row| Cell::bytes(row.cpu_memory)),
        ("self_cuda_memory_usage_bytes", |row| Cell::bytes(row.self_cuda_memory)),
        ("cuda_memory_usage_bytes", |row| Cell::bytes(row.cuda_memory)),
        ("self_xpu_memory_usage_bytes", EMPTY),
        ("xpu_memory_usage_bytes", EMPTY),
        ("input_shapes", |row| row.input_shapes.as_deref().map_or(Cell::Empty, |inputs| Cell::text(&shapes(inputs)))),
        ("stack", |row| if row.stack.is_empty() { Cell::Empty } else { Cell::text(&row.stack.join("\n")) }),
        ("overload_name", EMPTY),
        ("is_async", |row| Cell::Flag(row.is_async)),
        ("is_legacy", |_| Cell::Flag(false)),
    ];
    if config.torch_profiler_with_flops {
        let flops: [Column; 3] = [
            ("total_flops", |row| row.flops.map_or(Cell::Empty, |flops| Cell::Number(flops as f64))),
            ("achieved_flops_per_s", |row| row.flops_per_second.map_or(Cell::Empty, Cell::Number)),
            ("flops_formula", |row| formula(row).map_or(Cell::Empty, Cell::Text)),
        ];
        columns.extend(flops);
    }
    let ours: [Column; 3] = [
        ("kind", |row| Cell::Text(kind(row).to_owned())),
        ("polls", |row| if row.is_async { Cell::Number(row.polls as f64) } else { Cell::Empty }),
        ("wall_time_total_us", |row| row.wall_time.map_or(Cell::Empty, Cell::us)),
    ];
    columns.extend(ours);
    if config.cpu_time {
        columns.push(("thread_cpu_time_total_us", |row| row.thread_cpu_time.map_or(Cell::Empty, Cell::us)));
    }
    columns
}

/// PyTorch's name for where a row ran.
const fn device_type(row: &KeyAverage) -> &'static str {
    if row.is_cuda { "DeviceType.CUDA" } else { "DeviceType.CPU" }
}

/// Whether the calls of a row gave a formula; nothing to say where there can be none.
fn formula(row: &KeyAverage) -> Option<String> {
    match (row.calls_with_flops, row.calls_without_flops) {
        (0, 0) => None,
        (0, _) => Some("no".to_owned()),
        (_, 0) => Some("yes".to_owned()),
        (with, without) => Some(format!("{with} of {} calls", with + without)),
    }
}
