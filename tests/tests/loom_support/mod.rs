//! The room `record` as a model: the product's own `cursor`, `stream` and `run`, with loom's atomics and locks, and doubles
//! for what they use.
//!
//! The doubles are small on purpose: chunks of two entries, a budget of a few. Every entry is a cell that loom watches,
//! so that reading one without the order that makes it visible fails the model, and so does reading one that is written
//! at that moment or whose memory was given to another.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::undocumented_unsafe_blocks)]

pub mod carry;
pub mod chunk;
#[path = "../../../profiler-runtime/src/record/cursor.rs"]
mod cursor;
pub mod entry;
pub mod reader;
pub mod registry;
#[path = "../../../profiler-runtime/src/record/run.rs"]
pub mod run;
#[path = "../../../profiler-runtime/src/record/stream.rs"]
pub mod stream;
mod sync;
pub mod writer;
