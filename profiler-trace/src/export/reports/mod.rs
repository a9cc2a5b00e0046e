//! Reports: summaries of a recording for programs and for people.
//!
//! ```text
//! timing     timing_rank*.json   stage, step and request times  ─ stages (its records)
//! summary    summary_rank*.md    the same times on one page
//! printed    Summary             the same times for a terminal, at the end of a session
//! perf_dump  perf_dump_path      SGLang-diffusion's light report  ─ commit (version of the program)
//! pipeline   log lines           vLLM-Omni's pipeline profiler
//! ```
//!
//! Reports only present numbers; `report_parts`, `ops` and `memory` define them.

mod commit;
pub(super) mod digest;
mod perf_dump;
pub(super) mod pipeline;
pub(super) mod printed;
pub(super) mod stages;
mod summary;
mod timing;

use crate::model::Content;

use super::exporter::{Exporter, OneFile};
use super::kind::ArtifactKind;

const TIMING: OneFile =
    OneFile::always(ArtifactKind::Timing, Content::Reports, Ok(|trace, _, out| timing::write(trace, out)));

const SUMMARY: OneFile = OneFile::always(
    ArtifactKind::Summary,
    Content::Reports,
    Ok(|trace, manifest, out| summary::write(trace, &manifest.missing, out)),
);

/// Exporters of this module, in the order in which they write.
pub(super) const EXPORTERS: &[&dyn Exporter] = &[&TIMING, &perf_dump::PerfDumps, &SUMMARY, &pipeline::Pipeline];
