//! What a session gathers beside its own ranges. Each source can be absent, and says why.

mod allocator;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod code;
pub(crate) mod stacks;
pub(crate) mod symbols;

pub use allocator::ProfilingAllocator;
