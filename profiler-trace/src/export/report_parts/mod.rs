//! Facts that several artifacts state about a recording, each computed in one place, so that a
//! trace, a report and the manifest cannot contradict each other.
//!
//! ```text
//! clock     position of this rank in time             trace, manifest, read back by the merge
//! gpu       source of GPU times, and what is missing  trace, timing, summary, manifest
//! losses    missing data by cause                     trace, timing, summary, manifest
//! overhead  cost of the profiler                      timing, summary
//! requests  statistics of all requests                timing, summary, manifest, `job.json`
//! spread    count, sum, extremes, quantiles           timing, summary
//! warnings  sentences for the user                    trace, summary, manifest, log
//! ```
//!
//! These modules use `format` only; every room that writes an artifact may use them.

pub(super) mod clock;
pub(super) mod gpu;
pub mod losses;
pub(super) mod overhead;
pub(super) mod requests;
pub(super) mod spread;
pub mod warnings;

use crate::model::Trace;

/// Returns the name of the row for the time in which no recorded stage ran.
pub(in crate::export) fn rest_name(trace: &Trace) -> &'static str {
    if trace.context.options.is_selective() { "(not selected or unaccounted)" } else { "(unaccounted)" }
}
