//! The trace of a session as plain data: built once from the raw records, then read by every
//! exporter.
//!
//! ```text
//! context (input) ───────► trace: build ──┬─ decode   slices, in order of their ends, proven to
//! nest
//! streams (raw entries)                   ├─ stages, steps, requests, tasks   aggregates of slices
//!                                         ├─ gpu      records of CUPTI or CUDA events, joined to slices
//!                                         ├─ memory   allocations, by device and stage
//!                                         ├─ ops      operator tables
//!                                         └─ losses   counts of what is missing
//! ```
//!
//! This module does no I/O, reads no clock and has no features. The runtime builds a [`Trace`];
//! `export` reads it. Slices are never all in memory at once: an exporter walks a thread with
//! `Trace::walk`, which decodes its stream again, because decoding is cheaper than storing the
//! result.

mod call_times;
mod context;
mod covers;
mod decode;
mod durations;
mod gpu;
mod intervals;
mod lanes;
mod losses;
mod memory;
mod ops;
mod options;
pub mod pace;
mod pattern;
mod requests;
mod slice;
mod stages;
mod steps;
mod task_numbers;
mod tasks;
mod time;
mod trace;

mod values;
mod words;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod async_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod crossing_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use context::{Context, EndedBy, Recording, Window, file_part};
pub(crate) use durations::{Bins, Durations, RELATIVE_ACCURACY};
pub(crate) use gpu::{Annotation, CudaAllocation, Gpu, Placed, PlacedCall, PlacedOp, Source};
pub(crate) use losses::{Effect, HOST_CAUSES, LossCause};
pub use memory::MemoryLog;
pub(crate) use memory::{Allocation, DeviceMemory, Memory, MemoryEvent, Paths, Reporter, StageMemory, Usage};
pub(crate) use ops::{GpuCoverage, OpTable};
pub use ops::{GroupBy, KeyAverage};
pub use options::{Content, ExportOptions};
pub use options::{CudaApiNames, TraceFormat};
pub(crate) use pace::Jump;
pub use pattern::matches;
pub(crate) use requests::{Request, Requests};
pub(crate) use slice::{CallArgs, Slice, Tensor};
pub(crate) use stages::{StageNode, StageTree};
pub(crate) use steps::{Step, StepLoop};
pub(crate) use tasks::{LifeEdge, Task};
pub(crate) use time::Reading;
pub use trace::Trace;
pub(crate) use trace::{Edge, EdgeWalk, Walk};
pub(crate) use values::{GpuTimes, NodeId};
pub use words::words;
