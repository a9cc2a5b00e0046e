//! What a session gathers beside its own ranges, and who watches them: allocations, call stacks, the CUDA driver, its
//! capture range, CUPTI, events on streams, and tools that speak NVTX.
//!
//! Each source can be absent, and says why ([`Absent`](profiler_trace::records::unavailable::Absent)): nothing is linked,
//! every library is opened while the program runs. `session` starts and ends them; `unsafe` lives here because they speak C.
//! So does [`ending`], which is no source: it sees the end of the process come.

mod allocator;
pub(crate) mod cuda_range;
#[cfg(feature = "cudarc")]
mod cudarc;
pub(crate) mod cupti;
pub(crate) mod driver;
pub(crate) mod ending;
pub(crate) mod events;
pub(crate) mod host_clock;
mod library;
pub(crate) mod nvtx;
pub(crate) mod spool;
pub(crate) mod stacks;
mod stream;

pub use allocator::ProfilingAllocator;
#[cfg(feature = "cudarc")]
pub use cudarc::ReportedSlice;
pub use stream::{BorrowedStream, StreamRange, op_on, stage_on, step_on};
