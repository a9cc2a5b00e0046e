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
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
pub(super) mod text;
pub(super) mod workbook;
