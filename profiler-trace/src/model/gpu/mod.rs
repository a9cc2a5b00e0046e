//! The GPU's work, joined to the ranges that launched it.
//!
//! Every op on a device names the API call that launched it (correlation), the call names the range
//! whose id was pushed last ([`links`]), and the range stands in the stage tree ([`join`]). Times
//! are put on the recording's clock ([`clock`]) and everything gets a row on which slices nest
//! ([`rows`]). Where no source knows ops there are only ranges that CUDA events have timed
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

/// The GPU's part of a trace. Times are nanoseconds since the Unix epoch, on the ranges' clock.
#[derive(Debug, Default)]
pub(crate) struct Gpu {
    /// Source of the records.
    pub(crate) source: Source,
    /// Version of the library that recorded; 0 if none did.
    pub(crate) version: u32,
    /// Version of CUDA that the driver supports.
    pub(crate) driver_version: u32,
    /// The machine's devices.
    pub(crate) devices: Vec<Device>,
    /// Work on devices, in order of begin.
    pub(crate) ops: Vec<PlacedOp>,
    /// API calls, by thread, in order of begin; those of one thread nest, in each other and in its
    /// ranges.
    pub(crate) calls: Vec<PlacedCall>,
    /// Spans of the work that each stage and step launched on each stream, with everything inside
    /// it.
    pub(crate) annotations: Vec<Annotation>,
    /// Waits of the host and of streams.
    pub(crate) syncs: Vec<Placed<Wait>>,
    /// Records of events, for the waits for them.
    pub(crate) events: EventRecords,
    /// Time that CUDA or the profiler spent on itself.
    pub(crate) overheads: Vec<Placed<Overhead>>,
    /// Device memory that the program took from CUDA, in order of time.
    pub(crate) memory: Vec<Taken>,
    /// Names, by the index that records carry.
    pub(crate) names: Vec<String>,
    /// Times of all ops.
    pub(crate) total: GpuTimes,
    /// Times of ops that no stage launched.
    pub(crate) unattributed: GpuTimes,
    /// Losses of the source.
    pub(crate) losses: GpuLosses,
    /// Ops that seem to begin before they were launched: the clocks differ by more than a launch
    /// takes.
    pub(crate) before_launch: u64,
    /// Bound of the error of GPU times against the ranges'.
    pub(crate) clock_uncertainty_ns: u64,
}

/// A block that the program took from CUDA or gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Block and what happened to it, outside of all ranges.
    pub(crate) allocation: Allocation,
    /// Thread that called CUDA, by the operating system's id; `None` if its call is not known.
    pub(crate) thread: Option<u32>,
    /// `External id` of the range around the call, 0 without one.
    pub(crate) external_id: u64,
}

/// The source of GPU times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Every op of the GPU's is known, from this source.
    Ops(SourceName),
    /// Only the times are known for which ranges kept the streams that they named.
    Events {
        /// Reason why there is no more.
        reason: Option<Unavailable>,
        /// Ranges without a time.
        losses: EventLosses,
        /// Resolution of a time.
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

    /// Returns whether every op of the GPU's is known.
    pub(crate) const fn knows_ops(&self) -> bool {
        matches!(self, Self::Ops(_))
    }
}

/// A record on a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<T> {
    /// The record itself.
    pub(crate) record: T,
    /// Row: 0, or an extra row, so that records on one row do not overlap.
    pub(crate) lane: u32,
}

/// An op on a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedOp {
    /// The op.
    pub(crate) op: GpuOp,
    /// Row: 0 is its stream's own, others are extra rows, for work that overlaps on the stream.
    pub(crate) lane: u32,
    /// `External id` of the range that launched it, 0 without one.
    pub(crate) external_id: u64,
}

/// An API call on its thread's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedCall {
    /// The call.
    pub(crate) call: ApiCall,
    /// `External id` of the range that made it, 0 without one.
    pub(crate) external_id: u64,
    /// True if it is a driver call inside a runtime call that has the same correlation id.
    pub(crate) is_inner: bool,
    /// Op that an arrow leads to: its place in [`Gpu::ops`].
    pub(crate) launched: Option<usize>,
}

/// The time between the first and the last op of a stage or step on one stream, those of the ranges
/// inside it included; or between its events. An async range has one for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    /// Stage or step, or for an op the one around it.
    pub(crate) node: NodeId,
    /// Own name of the range; a step has its function's: `ProfilerStep#N` on a device would double
    /// TensorBoard's.
    pub(crate) name: &'static str,
    /// `External id` of the range; of the life, if it is async.
    pub(crate) external_id: u64,
    /// `External id` of the stage or step around it that has a span here too; 0 without one.
    pub(crate) around_id: u64,
    /// Number of the device.
    pub(crate) device: u32,
    /// Number of the stream.
    pub(crate) stream: u32,
    /// Begin of the first op.
    pub(crate) begin: u64,
    /// End of the last op.
    pub(crate) end: u64,
    /// Row: 0 is the stream's own, others are rows of annotations.
    pub(crate) lane: u32,
}

impl Gpu {
    /// Returns the version of the library that recorded, under the key that reports and traces have
    /// for it.
    pub(crate) fn library_version(&self) -> Option<(String, u32)> {
        self.source.knows_ops().then(|| (format!("{}_version", self.source.name().word), self.version))
    }

    /// Returns the end of the last op, which may be after the window's: work goes on when a session
    /// stops.
    pub(crate) fn end(&self) -> u64 {
        self.total.until
    }

    /// Returns the `External id` of the range around each call that has one, by correlation.
    pub(crate) fn callers(&self) -> HashMap<u32, u64> {
        let inside = self.calls.iter().filter(|placed| placed.external_id > 0);
        inside.map(|placed| (placed.call.correlation, placed.external_id)).collect()
    }

    /// Returns the device of each context.
    pub(crate) fn devices_of_contexts(&self) -> HashMap<u32, u32> {
        self.ops.iter().map(|placed| (placed.op.context, placed.op.device)).collect()
    }
}
