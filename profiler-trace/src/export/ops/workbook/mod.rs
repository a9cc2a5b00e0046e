//! `ops_rank*.xlsx`: operator tables and stages for spreadsheets and pandas, with vLLM-Omni's
//! sheets and columns.
//!
//! Made in memory and then written by us: the library panics when a full disk stops its temporary
//! files, and a panic ends a host with `panic = "abort"`. Its other panics are ruled out before it
//! is called. [`sheet`] knows how a sheet looks and prints, [`columns`] the contents of the
//! operator tables, [`stages`] those of the sheet of stages. That sheet is the last: readers that
//! ask for no sheet get the first, which is vLLM-Omni's `summary`.

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

/// Frames that identify a row of `by_stack`.
const FRAMES: usize = 8;

/// Writes the workbook.
pub(super) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let bytes = workbook(trace)?;
    out.write_all(&bytes)
}

fn workbook(trace: &Trace) -> io::Result<Vec<u8>> {
    // The library dates each workbook.
    if SystemTime::now() < UNIX_EPOCH {
        return Err(io::Error::other("the machine's clock is before 1970, which a workbook cannot tell: set it"));
    }
    let options = &trace.context.options;
    let mut workbook = Workbook::new();
    for (name, by) in tables(options) {
        let table = KeyAverages::of(trace, by);
        fill(&mut workbook, name, columns::rows(&table), &columns::of(options))?;
    }
    let rows = StageTable::of(trace, usize::MAX).rows;
    fill(&mut workbook, "stages", rows.into_iter(), &stages::columns())?;
    find_threads(workbook.worksheets().len())?;
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

/// Fails where so many threads at once cannot be had: the library takes one for each sheet, and
/// panics without.
fn find_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    let found = thread::scope(|scope| {
        let _closed = gate.lock();
        (0..count).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock())).map(drop))
    });
    found.map_err(|error| io::Error::new(error.kind(), format!("there are no threads for its sheets: {error}")))
}

fn tables(options: &ExportOptions) -> impl Iterator<Item = (&'static str, GroupBy)> {
    [
        (true, "summary", GroupBy::Name),
        (options.torch_profiler_record_shapes, "by_shape", GroupBy::InputShapes),
        (options.torch_profiler_with_stack, "by_stack", GroupBy::Stack(FRAMES)),
    ]
    .into_iter()
    .filter_map(|(wanted, name, by)| wanted.then_some((name, by)))
}
