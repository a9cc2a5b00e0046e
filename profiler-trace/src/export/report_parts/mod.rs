//! What several artifacts state about a recording, each said in one place: so that a trace, a
//! report and the manifest cannot contradict each other.
//!
//! ```text
//! clock     where this rank stands in time            trace, manifest, read back by the merge
//! gpu       who measured the GPU, and what is missing trace, timing, summary, manifest
//! losses    what is not in the artifacts, by cause    trace, timing, summary, manifest
//! overhead  what the profiler itself cost             timing, summary
//! requests  all requests together                     timing, summary, manifest, `job.json`
//! spread    count, sum, extremes, quantiles           timing, summary
//! warnings  what the user should know                 trace, summary, manifest, log
//! ```
//!
//! Uses `format` only; every room that writes an artifact may use it.

pub(super) mod clock;
pub(super) mod gpu;
pub mod losses;
pub(super) mod overhead;
pub(super) mod requests;
pub(super) mod spread;
pub mod warnings;

use crate::model::Trace;

/// Returns the name of the time in which no recorded stage ran.
pub(in crate::export) fn rest_name(trace: &Trace) -> &'static str {
    if trace.context.options.is_selective() { "(not selected or unaccounted)" } else { "(unaccounted)" }
}
