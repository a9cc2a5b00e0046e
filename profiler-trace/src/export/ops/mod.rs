//! The operator tables: PyTorch's `key_averages()` in three forms.
//!
//! ```text
//!               ┌─► text      profiler_out_*.txt, PyTorch's layout
//! averages ─────┼─► workbook  ops_rank*.xlsx, vLLM-Omni's sheets
//! (rows, order) └─► KeyAverages, for programs: Manifest::key_averages
//! ```
//!
//! `reports` shows the first rows in its tables.

pub(super) mod averages;
#[cfg(all(test, feature = "xlsx"))]
#[allow(clippy::unwrap_used)]
mod tests;
pub(super) mod text;
#[cfg(feature = "xlsx")]
mod workbook;

use crate::model::Content;

use super::exporter::{Exporter, OneFile, WriteFile};
use super::kind::ArtifactKind;

#[cfg(feature = "xlsx")]
const WRITE_WORKBOOK: Result<WriteFile, &str> = Ok(|trace, _, out| workbook::write(trace, out));
#[cfg(not(feature = "xlsx"))]
const WRITE_WORKBOOK: Result<WriteFile, &str> = Err(
    "the crate feature `xlsx` is off: switch it on, or request the text table (`torch_profiler_dump_cuda_time_total`)",
);

const WORKBOOK: OneFile = OneFile::always(ArtifactKind::Ops, Content::Everything, WRITE_WORKBOOK);

const TABLE: OneFile = OneFile {
    is_requested: |options| options.torch_profiler_dump_cuda_time_total,
    ..OneFile::always(ArtifactKind::Table, Content::Everything, Ok(|trace, _, out| text::write(trace, out)))
};

/// Exporters of this module, in the order in which they write.
pub(super) const EXPORTERS: &[&dyn Exporter] = &[&WORKBOOK, &TABLE];
