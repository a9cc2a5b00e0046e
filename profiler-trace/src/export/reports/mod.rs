//! Reports: what a recording adds up to, for programs and for people.
//!
//! ```text
//! timing     timing_rank*.json   stage, step and request times  ─ stages (its records)
//! summary    summary_rank*.md    the same on one page
//! printed    Summary             the same again, at the end of a session, for a terminal
//! perf_dump  perf_dump_path      SGLang-diffusion's light report  ─ commit (which code ran)
//! pipeline   log lines           vLLM-Omni's pipeline profiler
//! ```
//!
//! They add nothing of their own: `report_parts`, `ops` and `memory` say what the numbers are. `plan` calls their `write`;
//! the pipeline's lines go to the log and into the manifest.

mod commit;
pub(super) mod perf_dump;
pub(super) mod pipeline;
pub(super) mod printed;
mod stages;
pub(super) mod summary;
pub(super) mod timing;
