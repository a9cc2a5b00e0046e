//! The sources of a session beside its own ranges, and the tools that watch these: allocations,
//! call stacks, CUDA, NVTX tools, and the spool that streams take their chunks from.
//!
//! Each source can be absent, with a reason
//! ([`Unavailable`](profiler_trace::records::unavailable::Unavailable)): every library is opened at
//! run time. `session` starts and ends them; `unsafe` lives here because they speak C.

mod allocator;
pub(crate) mod cuda;
pub(crate) mod gpu;
pub(crate) mod nvtx;
pub(crate) mod spool;
#[cfg(feature = "stacks")]
pub(crate) mod stacks;
#[cfg(not(feature = "stacks"))]
#[path = "no_stacks.rs"]
pub(crate) mod stacks;

pub use allocator::ProfilingAllocator;
