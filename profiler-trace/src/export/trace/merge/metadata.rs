//! What a trace says before its events: whose it is, and where in time.

use serde::Deserialize;
use serde_json::Value;

use crate::export::report_parts::clock::ClockReport;

/// The keys before `traceEvents` that a merge needs.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "distributedInfo")]
    distributed: Distributed,
    pub(super) host_name: String,
    #[serde(rename = "baseTimeNanoseconds")]
    pub(super) base: u64,
    profiler: Profiler,
    /// All of them, for the merged file: losses and warnings of a rank are not lost with its file.
    #[serde(skip)]
    pub(super) whole: Value,
}

#[derive(Debug, Deserialize)]
struct Distributed {
    rank: u32,
    world_size: u32,
}

#[derive(Debug, Deserialize)]
struct Profiler {
    session: String,
    begin_unix_ns: u64,
    end_unix_ns: u64,
    clock: Option<ClockReport>,
}

impl Head {
    /// From the object that the head is; says what is wrong with it.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let whole: Value = serde_json::from_slice(text).map_err(|error| format!("does not begin as JSON: {error}"))?;
        let ours = whole.get("profiler").is_some_and(Value::is_object);
        if whole.get("merged").is_some() {
            return Err("is already a merged trace".to_owned());
        }
        if !ours {
            return Err("has no key `profiler` before its events".to_owned());
        }
        let head: Self =
            Deserialize::deserialize(&whole).map_err(|error| format!("does not say whose it is: {error}"))?;
        Ok(Self { whole, ..head })
    }

    pub(super) fn rank(&self) -> u32 {
        self.distributed.rank
    }

    pub(super) fn world_size(&self) -> u32 {
        self.distributed.world_size
    }

    pub(super) fn session(&self) -> &str {
        &self.profiler.session
    }

    pub(super) fn clock(&self) -> Option<&ClockReport> {
        self.profiler.clock.as_ref()
    }

    /// Length of the recording, as its times have it.
    pub(super) fn length_ns(&self) -> u64 {
        self.profiler.end_unix_ns.saturating_sub(self.profiler.begin_unix_ns)
    }
}
