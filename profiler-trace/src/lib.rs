//! The trace model of a recording, and the artifacts that are written from it.
//!
//! [`profiler-runtime`](https://docs.rs/profiler-runtime) records and calls this crate when a
//! session ends; programs meet its types only in what the runtime returns. A tool that reads
//! artifacts needs this crate alone: [`merge`] joins the traces of several ranks into one.
//!
//! ```text
//! records (what sources recorded) ─┐
//! profiler-core's streams ─────────┴─► model: Trace, immutable ─► export: one folder for each artifact ─► Manifest
//! ```
//!
//! This crate has no sessions, no sockets and no configuration of its own: the caller fills in
//! [`ExportOptions`](model::ExportOptions) and reports the export's results to the user.
//!
//! | feature | default | does |
//! |---|---|---|
//! | `charts` | no | draws memory over time, with plotters |
//! | `flamegraph` | no | draws flame graphs, with inferno (licensed under the CDDL) |
//! | `xlsx` | no | writes the operator tables as a workbook, with rust_xlsxwriter |
//!
//! If the options request a file whose feature is off, the manifest lists the file as missing and
//! names the feature.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[deny(unsafe_code)]
#[doc(hidden)]
pub mod export;
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod model;
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod records;
#[doc(hidden)]
#[forbid(unsafe_code)]
pub mod text;

/// Artifacts of a session: the files that it wrote, the operator table, the summary.
pub mod artifacts {
    pub use crate::export::{
        Artifact, ArtifactKind, KeyAverages, Manifest, MissingArtifact, RequestTimes, SortBy, Summary,
    };
    pub use crate::model::{GroupBy, KeyAverage};
}

/// Traces of several ranks, merged into one on one clock.
pub mod merge {
    pub use crate::export::{Alignment, MergeError, MergeOptions, MergedRank, MergedTrace, merge};
}
