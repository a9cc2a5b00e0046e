//! Defines the interface of a source of GPU times: whether it can be used here, and how it records
//! for a session.

use std::fmt;

use serde_json::Value;

use profiler_core::stream::registry::Log;
use profiler_trace::records::gpu::{GpuRecord, SourceName};
use profiler_trace::records::unavailable::Unavailable;

/// The records that a session wants in addition to kernels, copies, fills and API calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// True to record waits for streams, events and contexts.
    pub syncs: bool,
    /// True to record device memory being allocated and freed.
    pub memory: bool,
    /// Size of the buffers in bytes.
    pub buffer_bytes: usize,
}

/// A source of GPU work and its times. A process has one instance of each.
pub trait Source: fmt::Debug + Sync {
    /// Returns the source's name.
    fn name(&self) -> SourceName;

    /// Finds the libraries and devices that the source needs, without starting anything. The first
    /// call may be slow.
    ///
    /// # Errors
    ///
    /// Returns the reason why the source cannot be used here.
    fn prepare(&self, wanted: Wanted) -> Result<Box<dyn Capture>, Unavailable>;

    /// Returns the bytes of records that have not been decoded yet.
    fn bytes_in_use(&self) -> usize {
        0
    }

    /// Returns the state that [`recover`](Self::recover) needs to read the streams of a dead
    /// process; it is stored in the spool's journal.
    fn journal(&self) -> Option<Value> {
        None
    }

    /// Returns the records of a dead process, if it had any. `journal` is untrusted input.
    fn recover(&self, _log: &Log, _journal: Option<&Value>) -> Option<GpuRecord> {
        None
    }

    /// Checks what the source needs, in the order in which a recording uses it.
    fn diagnose(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// A session's use of a source.
pub trait Capture: fmt::Debug + Send {
    /// Starts recording and returns the gate's bits for the actions of ranges while it records.
    /// Called once, before the gate opens.
    ///
    /// # Errors
    ///
    /// Returns the reason why it cannot record after all.
    fn start(&mut self) -> Result<u32, Unavailable>;

    /// Returns a sentence on what the source does not record, if there is anything.
    fn limits(&self) -> Option<&'static str> {
        None
    }

    /// Stops recording, after waiting for the GPU where the source needs that.
    fn finish(&mut self);

    /// Decodes the records, on the export thread. `better` is the reason why no better source
    /// recorded.
    fn decode(self: Box<Self>, better: Option<Unavailable>) -> GpuRecord;
}

/// A component that a recording of the GPU needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Component {
    /// The CUDA driver.
    Driver,
    /// The devices that the driver lists.
    Devices,
    /// The CUPTI library.
    Libcupti,
    /// The permission to record kernels.
    Permission,
    /// The absence of other tools, because only one can use CUPTI.
    AttachedTool,
    /// NVTX and its attached tool.
    Nvtx,
}

impl Component {
    /// Returns the name of the component in a list of findings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Devices => "devices",
            Self::Libcupti => "libcupti",
            Self::Permission => "permission",
            Self::AttachedTool => "attached tool",
            Self::Nvtx => "NVTX",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Checked component.
    pub component: Component,
    /// True if a recording can use the component.
    pub is_good: bool,
    /// Details of what was found, or the remedy if something is missing.
    pub detail: String,
}

impl Finding {
    /// Creates a finding.
    #[doc(hidden)]
    pub fn new(component: Component, is_good: bool, detail: impl Into<String>) -> Self {
        Self { component, is_good, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_good { "ok" } else { "missing" };
        write!(f, "{mark:<8} {:<14} {}", self.component, self.detail)
    }
}
