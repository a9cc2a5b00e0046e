//! Collects what a session records in addition to ranges: allocations, call stacks and CUDA
//! activity. Also shows ranges to NVTX tools and stores streams in a spool.
//!
//! A source may be unavailable, with a reason
//! ([`Unavailable`](profiler_trace::records::unavailable::Unavailable)), because every library is
//! opened at run time. `session` starts and stops the sources. `unsafe` is allowed here, because
//! the sources call C.

mod allocator;
pub(crate) mod cuda;
pub(crate) mod gpu;
pub(crate) mod nvtx;
#[forbid(unsafe_code)]
pub(crate) mod spans;
pub(crate) mod spool;
#[cfg(feature = "stacks")]
pub(crate) mod stacks;
#[cfg(not(feature = "stacks"))]
#[path = "no_stacks.rs"]
pub(crate) mod stacks;

pub use allocator::ProfilingAllocator;
