//! What the profiler itself cost, estimated: ranges times the cost of one, measured on this machine.

use serde::Serialize;

use crate::export::format::json::ms;
use crate::model::Trace;

/// The estimate.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::export) struct Overhead {
    pub(in crate::export) ranges: u64,
    pub(in crate::export) ns_per_range: u64,
    pub(in crate::export) estimated_ms: f64,
    /// Of the recording's wall time. Threads pay in parallel, so this is an upper bound.
    pub(in crate::export) percent: f64,
}

impl Overhead {
    pub(in crate::export) fn of(trace: &Trace) -> Self {
        // CAST: a range costs far less than 584 years.
        let ns_per_range = trace.context.range_cost.as_nanos() as u64;
        let estimated = trace.ranges.saturating_mul(ns_per_range);
        let wall = (trace.end - trace.begin).max(1);
        Self {
            ranges: trace.ranges,
            ns_per_range,
            estimated_ms: ms(estimated),
            percent: estimated as f64 * 100.0 / wall as f64,
        }
    }
}
