//! `ops_rank*.xlsx`: the operator tables and the stages for spreadsheets and pandas, with vLLM-Omni's sheets and columns.
//!
//! Rows go through a temporary file beside the workbook, one at a time. [`sheet`] knows how a sheet looks and prints,
//! [`columns`] what is in the operator tables, [`stages`] what is in the sheet of stages. That sheet is the last: readers
//! that ask for no sheet get the first, which is vLLM-Omni's `summary`.

mod columns;
mod sheet;
mod stages;

use std::io::{self, Write};
use std::path::Path;

use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};

use crate::config::ProfilerConfig;
use crate::model::{GroupBy, Trace};

use super::averages::KeyAverages;

/// Frames that make a row of `by_stack`.
const FRAMES: usize = 8;

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
    for (name, by) in tables(config) {
        let table = KeyAverages::of(trace, by);
        sheet::fill(add(&mut workbook, name)?, columns::rows(&table), &columns::of(config))?;
    }
    sheet::fill(add(&mut workbook, "stages")?, stages::rows(trace), &stages::columns())?;
    workbook.save_to_buffer()
}

fn add<'a>(workbook: &'a mut Workbook, name: &str) -> Result<&'a mut Worksheet, XlsxError> {
    workbook.add_worksheet_with_constant_memory()?.set_name(name)
}

fn tables(config: &ProfilerConfig) -> impl Iterator<Item = (&'static str, GroupBy)> {
    [
        (true, "summary", GroupBy::Name),
        (config.torch_profiler_record_shapes, "by_shape", GroupBy::InputShapes),
        (config.torch_profiler_with_stack, "by_stack", GroupBy::Stack(FRAMES)),
    ]
    .into_iter()
    .filter_map(|(wanted, name, by)| wanted.then_some((name, by)))
}
