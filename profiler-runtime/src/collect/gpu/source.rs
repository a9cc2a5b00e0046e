//! The interface of a source of GPU times: it says whether it can be used here, and records for a
//! session.

use std::fmt;

use serde_json::Value;

use profiler_core::stream::registry::Log;
use profiler_trace::records::gpu::{GpuRecord, SourceName};
use profiler_trace::records::unavailable::Unavailable;

/// The records that a session wants beyond kernels, copies, fills and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// True if it wants waits for streams, events and contexts.
    pub syncs: bool,
    /// True if it wants device memory taken and given back.
    pub memory: bool,
    /// Size of the buffers in bytes.
    pub buffer_bytes: usize,
}

/// A source of the GPU's work and its times. There is one of each in a process.
pub trait Source: fmt::Debug + Sync {
    /// Returns the source's name.
    fn name(&self) -> SourceName;

    /// Finds the libraries and devices that it needs, and starts nothing. May take long the first
    /// time.
    ///
    /// # Errors
    ///
    /// Returns the reason why it cannot be used here.
    fn prepare(&self, wanted: Wanted) -> Result<Box<dyn Capture>, Unavailable>;

    /// Returns the bytes of records that wait to be read.
    fn bytes_in_use(&self) -> usize {
        0
    }

    /// Returns the facts for a spool's journal that [`recover`](Self::recover) needs to read the
    /// streams.
    fn journal(&self) -> Option<Value> {
        None
    }

    /// Returns what a process that is gone had recorded, if anything; `journal` may say anything.
    fn recover(&self, _log: &Log, _journal: Option<&Value>) -> Option<GpuRecord> {
        None
    }

    /// Returns the findings about what it needs, in the order in which a recording needs it.
    fn diagnose(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// A session's use of a source.
pub trait Capture: fmt::Debug + Send {
    /// Starts recording. Called once, before the gate opens.
    ///
    /// Returns the gate's bits for what ranges do while it records.
    ///
    /// # Errors
    ///
    /// Returns the reason why it cannot record after all.
    fn start(&mut self) -> Result<u32, Unavailable>;

    /// Returns the limits of what is recorded, if that is not everything.
    fn limits(&self) -> Option<&'static str> {
        None
    }

    /// Waits for the GPU where that is needed, and ends what [`start`](Self::start) began.
    fn finish(&mut self);

    /// Reads the records. Called on the exporter's thread. `better` is why no source before it in
    /// the list recorded.
    fn decode(self: Box<Self>, better: Option<Unavailable>) -> GpuRecord;
}

/// The result of looking for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Name of the thing: `driver`, `devices`, `libcupti`, `permission`, `attached tool`, `NVTX`.
    pub what: &'static str,
    /// True if a recording has this thing.
    pub is_good: bool,
    /// Details of the find; where something is missing, how to get it.
    pub detail: String,
}

impl Finding {
    /// Creates a finding.
    #[doc(hidden)]
    pub fn new(what: &'static str, is_good: bool, detail: impl Into<String>) -> Self {
        Self { what, is_good, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_good { "ok" } else { "missing" };
        write!(f, "{mark:<8} {:<14} {}", self.what, self.detail)
    }
}
