//! The operator tables: PyTorch's `key_averages()` in three shapes.
//!
//! ```text
//!               ┌─► text      profiler_out_*.txt, PyTorch's layout
//! averages ─────┼─► workbook  ops_rank*.xlsx, vLLM-Omni's sheets
//! (rows, order) └─► KeyAverages, for programs: Manifest::key_averages
//! ```
//!
//! `plan` calls the writers, `reports` shows the first rows.

pub(super) mod averages;
#[cfg(all(test, feature = "xlsx"))]
#[allow(clippy::unwrap_used)]
mod tests;
pub(super) mod text;
#[cfg(feature = "xlsx")]
pub(super) mod workbook;
#[cfg(not(feature = "xlsx"))]
#[path = "no_workbook.rs"]
pub(super) mod workbook;

/// Rows of a sheet of the workbook below its header, the first by self time: each takes about 4 kB until the workbook is
/// written.
pub(super) const MAX_ROWS: usize = 20_000;
