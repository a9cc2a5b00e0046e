//! What a session gathers beside its own ranges, and who watches them: allocations, call stacks, CUDA, tools that speak
//! NVTX, and the spool that streams take their chunks from.
//!
//! Each source can be absent, and says why ([`Unavailable`](profiler_trace::records::unavailable::Unavailable)): nothing is linked,
//! every library is opened while the program runs. `session` starts and ends them; `unsafe` lives here because they speak C.

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
