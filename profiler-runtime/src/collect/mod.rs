//! What a session gathers beside its own ranges. Each source can be absent, and says why.

mod allocator;
pub(crate) mod symbols;

pub use allocator::ProfilingAllocator;
