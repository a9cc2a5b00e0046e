//! Streams: what each thread has recorded, entry by entry, written by one thread and read by others.

mod ahead;
pub(crate) mod buffer;
pub mod carry_over;
pub mod chunk;
mod cursor;
pub mod entry;
mod owner;
mod prealloc;
pub mod registry;
pub(crate) mod ring;
pub mod segment;
pub mod shared;
mod skip_whole;
pub mod slab;
pub mod store;
mod sync;
mod thread_stream;
