//! The facts that a trace states before its events: its rank, and its place in time.

use serde::Deserialize;
use serde_json::Value;

use crate::export::report_parts::clock::ClockReport;

/// The keys before `traceEvents` that a merge needs.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "distributedInfo")]
    pub(super) distributed: Distributed,
    pub(super) host_name: String,
    #[serde(rename = "baseTimeNanoseconds")]
    pub(super) base: u64,
    pub(super) profiler: Profiler,
    /// All keys, for the merged file: losses and warnings of a rank are not lost with its file.
    #[serde(skip)]
    pub(super) whole: Value,
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

impl Head {
    /// Reads the object that the head is, or says what is wrong with it.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let whole: Value = serde_json::from_slice(text).map_err(|error| format!("does not begin as JSON: {error}"))?;
        if whole.get("merged").is_some() {
            return Err("is already a merged trace".to_owned());
        }
        if !whole.get("profiler").is_some_and(Value::is_object) {
            return Err("has no key `profiler` before its events".to_owned());
        }
        let head: Self =
            Deserialize::deserialize(&whole).map_err(|error| format!("does not say whose it is: {error}"))?;
        Ok(Self { whole, ..head })
    }

    /// Returns the length of the recording, by its own times.
    pub(super) fn length_ns(&self) -> u64 {
        self.profiler.end_unix_ns.saturating_sub(self.profiler.begin_unix_ns)
    }
}
