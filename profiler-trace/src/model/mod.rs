//! What happened, as plain data: built once from the raw records of a session, then read by every
//! exporter.
//!
//! ```text
//! context (what came in) ─► trace: build ─┬─ decode   slices, in the order in which they ended, nesting proven
//! record (raw entries)                    ├─ stages, steps, requests, tasks   what slices add up to
//!                                         ├─ gpu      records of CUPTI or CUDA events, joined to the slices
//!                                         ├─ memory   allocations, by device and stage
//!                                         ├─ ops      operator tables
//!                                         └─ losses   what is missing
//! ```
//!
//! No I/O, no clock, no features. The runtime builds a [`Trace`], `export` reads it. The slices
//! themselves are never all in memory: an exporter walks a thread with `Trace::walk`, which decodes
//! again, because decoding is cheaper than keeping.

mod by_task;
mod call_times;
mod context;
mod covers;
mod decode;
mod durations;
mod gpu;
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
mod tasks;
mod time;
mod trace;
mod union;
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
pub(crate) use gpu::{Annotation, Gpu, Placed, PlacedCall, PlacedOp, Source, Taken};
pub(crate) use losses::{Effect, LossCause, ON_HOST};
pub use memory::MemoryLog;
pub(crate) use memory::{Allocation, DeviceMemory, Memory, Moment, Paths, Reporter, StageMemory, Usage};
pub(crate) use ops::{GpuKnowledge, OpTable};
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
