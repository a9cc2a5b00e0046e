//! What a session gathers beside its own ranges, and who watches them: allocations, call stacks, the CUDA driver, its
//! capture range, CUPTI, events on streams, and tools that speak NVTX.
//!
//! Each source can be absent, and says why ([`absent::Absent`]): nothing is linked, every library is opened while the
//! program runs. `session` starts and ends them; `unsafe` lives here because they speak C. So does [`ending`], which is no
//! source: it sees the end of the process come.

pub(crate) mod absent;
mod allocator;
mod code_note;
pub(crate) mod cuda_range;
#[cfg(feature = "cudarc")]
mod cudarc;
pub(crate) mod cupti;
pub(crate) mod driver;
pub(crate) mod ending;
pub(crate) mod events;
pub(crate) mod gpu;
mod here;
mod library;
pub(crate) mod nvtx;
mod paths;
mod sources;
pub(crate) mod stacks;
mod stream;
pub(crate) mod symbols;

/// What only Linux has here; [`elsewhere`] stands in for it.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod code;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod files;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod loaded;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod names;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
pub(crate) mod noted;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod walk;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod elsewhere;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
pub(crate) use elsewhere::noted;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
use elsewhere::{files, names, walk};

pub use allocator::ProfilingAllocator;
#[cfg(feature = "cudarc")]
pub use cudarc::ReportedSlice;
pub use stream::{BorrowedStream, StreamRange, op_on, stage_on, step_on};
