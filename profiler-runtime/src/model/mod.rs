//! What happened, as plain data: built once from the raw records of a session, then read by every exporter.
//!
//! `record` (raw entries) → [`decode`] (slices, in the order in which they ended, nesting proven) → [`Trace`] (stage
//! times, steps, requests, losses). No I/O, no clock, no features. The slices themselves are never all in memory: an
//! exporter walks a thread with [`Trace::walk`], which decodes again, because decoding is cheaper than keeping.

mod build;
mod context;
mod decode;
mod edges;
mod frames;
mod gpu;
mod gpu_clock;
mod gpu_links;
mod gpu_names;
mod gpu_rows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod gpu_tests;
mod gpu_waits;
mod lanes;
mod losses;
mod memory;
mod ops;
mod ops_gather;
mod ops_gpu;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod ops_gpu_tests;
mod ops_rows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod ops_tests;
mod pending;
mod requests;
mod slice;
mod stages;
mod steps;
mod tasks;
mod time;
mod timed;
mod timed_clock;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod timed_tests;
mod union;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub(crate) use build::Trace;
pub(crate) use context::{Context, EndedBy, Recording, Window};
pub(crate) use edges::Edge;
pub(crate) use gpu::{Annotation, Gpu, GpuTimes, Placed, PlacedCall, PlacedOp};
pub(crate) use gpu_names::{copy_name, fill_name};
pub(crate) use losses::Losses;
pub(crate) use memory::{Allocation, DeviceMemory, Memory, MemoryLog, Moment, Paths, StageMemory, Usage};
pub(crate) use ops::{GpuKnowledge, OpTable};
pub use ops_rows::{GroupBy, KeyAverage};
pub(crate) use requests::Request;
pub(crate) use slice::{CallArgs, Slice, Tensor};
pub(crate) use stages::{NodeId, StageNode, StageTree};
pub(crate) use steps::{Step, StepLoop};
pub(crate) use tasks::Task;
pub(crate) use time::Reading;
pub(crate) use timed::Source;
