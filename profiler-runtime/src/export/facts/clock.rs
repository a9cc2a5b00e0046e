//! `clock` of trace and manifest: the host's clocks at both ends of the recording, which place this rank beside others.
//!
//! Written by [`ClockReport::of`], read back by the merge: one struct, so that neither can forget the other.

use serde::{Deserialize, Serialize};

use crate::model::{self, Trace};

/// Whose clocks, and what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::export) struct ClockReport {
    /// Ranks with the same `id` read the same monotonic clock; absent where the system has no name for it.
    pub(in crate::export) id: Option<String>,
    /// Bound of the real-time clock's error, if something keeps it synchronised.
    pub(in crate::export) real_time_error_ns: Option<u64>,
    pub(in crate::export) begin: Reading,
    pub(in crate::export) end: Reading,
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::export) struct Reading {
    pub(in crate::export) monotonic_ns: u64,
    pub(in crate::export) unix_ns: u64,
    /// How far the two may lie apart.
    pub(in crate::export) uncertainty_ns: u64,
}

impl ClockReport {
    pub(in crate::export) fn of(trace: &Trace) -> Self {
        let clock = &trace.context.clock;
        let [begin, end] = trace.readings.map(|reading| {
            let model::Reading { monotonic_ns, unix_ns, uncertainty_ns } = reading;
            Reading { monotonic_ns, unix_ns, uncertainty_ns }
        });
        Self { id: clock.id.clone(), real_time_error_ns: clock.real_time_error_ns, begin, end }
    }
}
