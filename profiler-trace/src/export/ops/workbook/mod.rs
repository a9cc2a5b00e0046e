//! `ops_rank*.xlsx`: operator tables and stages for spreadsheets and pandas, with vLLM-Omni's
//! sheets and columns.
//!
//! The workbook is built in memory and then written by us: if a full disk stops the library's
//! temporary files, the library panics, and a panic aborts a host with `panic = "abort"`. Its other
//! panics are ruled out before it is called. [`sheet`] defines how a sheet looks and prints,
//! [`columns`] the operator tables, and [`stages`] the sheet of stages. That sheet comes last,
//! because readers that name no sheet get the first, which is vLLM-Omni's `summary`.

mod columns;
mod sheet;
mod stages;

use std::io::{self, Write};
use std::sync::Mutex;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rust_xlsxwriter::Workbook;

use crate::export::reports::stages::StageTable;
use crate::model::{ExportOptions, GroupBy, Trace};

use super::averages::KeyAverages;
use sheet::Column;

/// Number of frames that identify a row of `by_stack`.
const FRAMES: usize = 8;

/// Writes the workbook.
pub(super) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let bytes = workbook(trace)?;
    out.write_all(&bytes)
}

fn workbook(trace: &Trace) -> io::Result<Vec<u8>> {
    // The library writes the date into each workbook.
    if SystemTime::now() < UNIX_EPOCH {
        return Err(io::Error::other(
            "the machine's clock is before 1970, which a workbook cannot represent: set the clock",
        ));
    }
    let options = &trace.context.options;
    let mut workbook = Workbook::new();
    for (name, by) in tables(options) {
        let table = KeyAverages::new(trace, by);
        fill(&mut workbook, name, columns::rows(&table), &columns::columns(options))?;
    }
    let rows = StageTable::new(trace, usize::MAX).rows;
    fill(&mut workbook, "stages", rows.into_iter(), &stages::columns())?;
    check_threads(workbook.worksheets().len())?;
    workbook.save_to_buffer().map_err(io::Error::other)
}

fn fill<T>(
    workbook: &mut Workbook,
    name: &str,
    rows: impl Iterator<Item = T>,
    columns: &[Column<T>],
) -> io::Result<()> {
    let sheet = workbook.add_worksheet().set_name(name).map_err(io::Error::other)?;
    sheet::fill(sheet, rows, columns).map_err(io::Error::other)
}

/// Returns an error if `count` threads cannot run at the same time. The library starts one per
/// sheet, and panics if it cannot.
fn check_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    let started = thread::scope(|scope| {
        let _closed = gate.lock();
        (0..count).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock())).map(drop))
    });
    started.map_err(|error| io::Error::new(error.kind(), format!("there are no threads for its sheets: {error}")))
}

fn tables(options: &ExportOptions) -> impl Iterator<Item = (&'static str, GroupBy)> {
    [
        (true, "summary", GroupBy::Name),
        (options.torch_profiler_record_shapes, "by_shape", GroupBy::InputShapes),
        (options.torch_profiler_with_stack, "by_stack", GroupBy::Stack(FRAMES)),
    ]
    .into_iter()
    .filter_map(|(is_requested, name, by)| is_requested.then_some((name, by)))
}
