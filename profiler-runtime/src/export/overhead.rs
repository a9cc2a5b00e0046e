//! What the profiler itself cost, estimated: ranges times the cost of one, measured on this machine.

use serde::Serialize;

use crate::model::Trace;

use super::json::ms;

/// The estimate.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Overhead {
    pub(super) ranges: u64,
    pub(super) ns_per_range: u64,
    pub(super) estimated_ms: f64,
    /// Of the recording's wall time. Threads pay in parallel, so this is an upper bound.
    pub(super) percent: f64,
}

impl Overhead {
    pub(super) fn of(trace: &Trace) -> Self {
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
