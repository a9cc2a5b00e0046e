//! `clock` of trace and manifest: the host's clocks at both ends of the recording, by which a merge
//! aligns ranks.
//!
//! [`ClockReport::new`] fills the struct and the merge reads it back, so writer and reader cannot
//! diverge.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{self, Reading, Trace};

/// Properties of the host's clock, and its readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::export) struct ClockReport {
    /// Id shared by all ranks that read the same monotonic clock; absent if the system has no such
    /// id.
    pub(in crate::export) id: Option<String>,
    /// Bound of the real-time clock's error, if the clock is synchronised.
    pub(in crate::export) real_time_error_ns: Option<u64>,
    pub(in crate::export) begin: Reading,
    pub(in crate::export) end: Reading,
    /// Jumps of the clocks; absent if there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::export) jumps: Vec<Jump>,
}

/// A jump of one clock relative to the others during the recording; also the arguments of its mark
/// in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::export) struct Jump {
    /// Kind of the jump: `suspend`, `counter` or `real time`.
    pub(in crate::export) kind: Cow<'static, str>,
    /// Length of the jump.
    pub(in crate::export) length_ns: i64,
    /// Earliest time of the jump.
    pub(in crate::export) at_unix_ns: u64,
    /// Time after `at_unix_ns` within which the jump happened.
    pub(in crate::export) within_ns: u64,
}

impl Jump {
    /// Name of the mark in a trace.
    pub(in crate::export) const MARK: &'static str = "clock jump";

    /// Returns the jumps of a recording, in order of time.
    pub(in crate::export) fn all(trace: &Trace) -> Vec<Self> {
        let report = |jump: &model::Jump| Self {
            kind: jump.kind.into(),
            length_ns: jump.ns,
            at_unix_ns: jump.within.0,
            within_ns: jump.within.1.saturating_sub(jump.within.0),
        };
        let mut jumps: Vec<_> = trace.clock_jumps.iter().map(report).collect();
        jumps.sort_by_key(|jump| jump.at_unix_ns);
        jumps
    }
}

impl ClockReport {
    pub(in crate::export) fn new(trace: &Trace) -> Self {
        let clock = &trace.context.clock;
        let [begin, end] = trace.readings;
        Self { id: clock.id.clone(), real_time_error_ns: clock.real_time_error_ns, begin, end, jumps: Jump::all(trace) }
    }
}
