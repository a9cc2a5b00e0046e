//! Metadata before the events of a trace: its rank, its session, and its clock.

use serde::Deserialize;
use serde_json::Value;

use crate::export::report_parts::clock::ClockReport;

/// Keys before `traceEvents` that a merge reads.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    #[serde(rename = "distributedInfo")]
    pub(super) distributed: Distributed,
    pub(super) host_name: String,
    #[serde(rename = "baseTimeNanoseconds")]
    pub(super) base: u64,
    pub(super) profiler: Profiler,
    /// All keys, which are copied to the merged file so that losses and warnings are kept.
    #[serde(skip)]
    pub(super) all: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Distributed {
    pub(super) rank: u32,
    pub(super) world_size: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Profiler {
    pub(super) session: String,
    begin_unix_ns: u64,
    end_unix_ns: u64,
    pub(super) clock: Option<ClockReport>,
}

impl Metadata {
    /// Parses the metadata object; the error is a predicate of the file.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let all: Value = serde_json::from_slice(text).map_err(|error| format!("does not begin as JSON: {error}"))?;
        if all.get("merged").is_some() {
            return Err("is already a merged trace".to_owned());
        }
        if !all.get("profiler").is_some_and(Value::is_object) {
            return Err("has no key `profiler` before its events".to_owned());
        }
        let metadata: Self =
            Deserialize::deserialize(&all).map_err(|error| format!("has incomplete metadata: {error}"))?;
        Ok(Self { all, ..metadata })
    }

    /// Returns the duration of the recording on the trace's own clock.
    pub(super) fn length_ns(&self) -> u64 {
        self.profiler.end_unix_ns.saturating_sub(self.profiler.begin_unix_ns)
    }
}
