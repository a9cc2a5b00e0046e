//! Model of the module `stream`: the product's own `cursor`, `thread_stream` and `segment`, with
//! loom's atomics and locks, and doubles for what they use.
//!
//! The doubles are small on purpose: chunks of two entries, a budget of a few. Every entry is a
//! cell that loom watches. Reading an entry without the order that makes it visible fails the
//! model, and so does reading one that is being written, or whose memory was given away.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::undocumented_unsafe_blocks)]

pub mod appender;
pub mod carry_over;
pub mod chunk;
#[path = "../../../profiler-core/src/stream/cursor.rs"]
mod cursor;
pub mod entry;
mod owner;
mod prealloc;
pub mod reader;
pub mod registry;
pub mod ring;
#[path = "../../../profiler-core/src/stream/segment.rs"]
pub mod segment;
#[path = "../../../profiler-core/src/small_vec.rs"]
mod small_vec;
pub mod store;
mod sync;
#[path = "../../../profiler-core/src/stream/thread_stream.rs"]
pub mod thread_stream;
