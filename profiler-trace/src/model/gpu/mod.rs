//! The GPU's work, joined to the ranges that launched it.
//!
//! Every op on a device names the API call that launched it (correlation), the call names the range
//! whose id was pushed last ([`links`]), and the range has a node in the stage tree ([`join`]).
//! Times are converted to the recording's clock ([`clock`]), and everything gets a row on which
//! slices nest ([`rows`]). If no source recorded ops, there are only ranges timed by CUDA events
//! ([`event_timing`]).

mod clock;
mod event_timing;
mod join;
mod links;
mod memory;
mod names;
mod ranges;
mod rows;
mod spans;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests;
mod waits;

use std::collections::HashMap;

use crate::records::events::EventLosses;
use crate::records::gpu::{ApiCall, Device, GpuLosses, GpuOp, Overhead, SourceName, Wait};
use crate::records::unavailable::Unavailable;

use super::memory::Allocation;
use super::values::{GpuTimes, NodeId};

pub(super) use clock::GpuClock;
pub(super) use event_timing::TimedRanges;
pub(super) use links::{Owners, boundaries};
pub(super) use ranges::Ranges;

use waits::EventRecords;

/// GPU part of a trace. Times are nanoseconds since the Unix epoch, on the ranges' clock.
#[derive(Debug, Default)]
pub(crate) struct Gpu {
    /// Source of the records.
    pub(crate) source: Source,
    /// Version of the source's library; 0 if there is none.
    pub(crate) version: u32,
    /// CUDA version that the driver supports.
    pub(crate) driver_version: u32,
    /// The machine's devices.
    pub(crate) devices: Vec<Device>,
    /// Ops in order of start.
    pub(crate) ops: Vec<PlacedOp>,
    /// API calls by thread, in order of start; those of one thread nest in each other and in its
    /// ranges.
    pub(crate) calls: Vec<PlacedCall>,
    /// Time span of the work that each stage and step launched on each stream, including the ranges
    /// inside it.
    pub(crate) annotations: Vec<Annotation>,
    /// Waits of the host and of streams.
    pub(crate) syncs: Vec<Placed<Wait>>,
    /// Event records that waits refer to.
    pub(crate) events: EventRecords,
    /// Time that CUDA or the profiler spent on its own work.
    pub(crate) overheads: Vec<Placed<Overhead>>,
    /// Device memory that the program allocated from CUDA, in order of time.
    pub(crate) memory: Vec<CudaAllocation>,
    /// Names, at the index that records carry.
    pub(crate) names: Vec<String>,
    /// Times of all ops.
    pub(crate) total: GpuTimes,
    /// Times of ops that no stage launched.
    pub(crate) unattributed: GpuTimes,
    /// Losses of the source.
    pub(crate) losses: GpuLosses,
    /// Ops that appear to begin before their launch, because the clocks differ by more than a
    /// launch takes.
    pub(crate) before_launch: u64,
    /// Maximum error of GPU times relative to the ranges' times.
    pub(crate) clock_uncertainty_ns: u64,
}

/// A block that the program allocated from CUDA or freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CudaAllocation {
    /// The allocation, with no range around it.
    pub(crate) allocation: Allocation,
    /// Operating system's id of the thread that called CUDA; `None` if the call is unknown.
    pub(crate) thread: Option<u32>,
    /// `External id` of the range around the call; 0 if there is none.
    pub(crate) external_id: u64,
}

/// Source of GPU times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A source that records every GPU op.
    Ops(SourceName),
    /// CUDA events: only the ranges that named their stream have times.
    Events {
        /// Reason why no more detailed source was used.
        reason: Option<Unavailable>,
        /// Ranges without a time.
        losses: EventLosses,
        /// Resolution of the times.
        resolution_ns: u64,
    },
}

impl Default for Source {
    fn default() -> Self {
        Self::Ops(SourceName::default())
    }
}

impl Source {
    /// Returns the source's name.
    pub(crate) const fn name(&self) -> SourceName {
        match self {
            Self::Ops(name) => *name,
            Self::Events { .. } => SourceName::CUDA_EVENTS,
        }
    }

    /// Returns whether every GPU op was recorded.
    pub(crate) const fn has_ops(&self) -> bool {
        matches!(self, Self::Ops(_))
    }
}

/// A record on a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<T> {
    /// The record.
    pub(crate) record: T,
    /// Row: 0, or an extra row so that records on one row do not overlap.
    pub(crate) lane: u32,
}

/// An op on a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedOp {
    /// The op.
    pub(crate) op: GpuOp,
    /// Row: 0 is the stream's own; others are extra rows for ops that overlap on the stream.
    pub(crate) lane: u32,
    /// `External id` of the range that launched it; 0 if there is none.
    pub(crate) external_id: u64,
}

/// An API call on its thread's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedCall {
    /// The call.
    pub(crate) call: ApiCall,
    /// `External id` of the range that made it; 0 if there is none.
    pub(crate) external_id: u64,
    /// True if it is a driver call inside a runtime call with the same correlation id.
    pub(crate) is_inner: bool,
    /// Index in [`Gpu::ops`] of the op that an arrow leads to.
    pub(crate) launched: Option<usize>,
}

/// Time between the first and the last op of a stage or step on one stream, including the ranges
/// inside it; or between its two events. An async range has one for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    /// The stage or step; for an op, the stage around it.
    pub(crate) node: NodeId,
    /// Name of the range. For a step this is its function's name, because a `ProfilerStep#N` on a
    /// device would double TensorBoard's.
    pub(crate) name: &'static str,
    /// `External id` of the range; for an async range, of its life.
    pub(crate) external_id: u64,
    /// `External id` of the enclosing stage or step, which also has a span on this stream; 0 if
    /// there is none.
    pub(crate) around_id: u64,
    /// Number of the device.
    pub(crate) device: u32,
    /// Number of the stream.
    pub(crate) stream: u32,
    /// Start of the first op.
    pub(crate) begin: u64,
    /// End of the last op.
    pub(crate) end: u64,
    /// Row: 0 is the stream's own, others are rows of annotations.
    pub(crate) lane: u32,
}

impl Gpu {
    /// Returns the version of the source's library with its key in reports and traces.
    pub(crate) fn library_version(&self) -> Option<(String, u32)> {
        self.source.has_ops().then(|| (format!("{}_version", self.source.name().word), self.version))
    }

    /// Returns the end of the last op. It may be later than the window's, because work continues
    /// when a session stops.
    pub(crate) fn end(&self) -> u64 {
        self.total.until
    }

    /// Returns the `External id` of the range around each call, by correlation id.
    pub(crate) fn callers(&self) -> HashMap<u32, u64> {
        let inside = self.calls.iter().filter(|placed| placed.external_id > 0);
        inside.map(|placed| (placed.call.correlation, placed.external_id)).collect()
    }

    /// Returns the device of each context.
    pub(crate) fn devices_of_contexts(&self) -> HashMap<u32, u32> {
        self.ops.iter().map(|placed| (placed.op.context, placed.op.device)).collect()
    }
}
