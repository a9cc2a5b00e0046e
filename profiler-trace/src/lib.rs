//! What a recording says: the model that is made of it, and the artifacts that are written from
//! that.
//!
//! [`profiler-runtime`](https://docs.rs/profiler-runtime) records, and calls this crate when a
//! session is over; programs name it for the types of what it hands out. A tool that reads
//! artifacts needs this crate alone: [`merge::merge`] makes one trace of the ranks' traces.
//!
//! ```text
//! records (what sources recorded) ─┐
//! profiler-core's streams ─────────┴─► model: Trace, immutable ─► export: one folder for each artifact ─► Manifest
//! ```
//!
//! Nothing here knows sessions, sockets or a configuration: whoever asks for artifacts fills in
//! [`ExportOptions`](model::ExportOptions), and reports to people what the export returns.
//!
//! | feature | default | does |
//! |---|---|---|
//! | `charts` | no | draws what was allocated over time, by plotters |
//! | `flamegraph` | no | draws the flame graphs, by inferno (which is under the CDDL) |
//! | `xlsx` | no | writes the operator tables as a workbook, by rust_xlsxwriter |
//!
//! What is asked for and cannot be written without its feature is missing, and the manifest says
//! which feature it is.

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
    pub use crate::export::{Artifact, KeyAverages, Manifest, MissingArtifact, SortBy, Summary};
    pub use crate::model::{GroupBy, KeyAverage};
}

/// Traces of several ranks, merged into one on one clock.
pub mod merge {
    pub use crate::export::{Alignment, MergeError, MergeOptions, MergedRank, MergedTrace, merge};
}
