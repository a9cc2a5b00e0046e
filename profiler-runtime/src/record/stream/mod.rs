//! Streams: what each thread has recorded, entry by entry, written by one thread and read by others.

mod ahead;
pub(crate) mod buffer;
pub(crate) mod carry_over;
pub(crate) mod chunk;
mod cursor;
pub(crate) mod entry;
mod owner;
mod prealloc;
pub(crate) mod registry;
pub(crate) mod ring;
pub(crate) mod segment;
pub(crate) mod shared;
mod skip_whole;
pub(crate) mod slab;
pub(crate) mod store;
mod sync;
mod thread_stream;
