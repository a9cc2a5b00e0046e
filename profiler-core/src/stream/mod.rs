//! Streams: each thread's recorded entries, written by that thread alone while others read them.
//!
//! ```text
//! thread-local pointer ─► cursor ─► chunk │ chunk │ chunk        one stream, in the registry's list
//!          (buffer)       next, end   └ 16-byte entries, from a slab of memory or a store
//! ```
//!
//! # The protocol
//!
//! **Owner and readers.** A stream has one owner, its thread, which appends through the [`cursor`].
//! Every other thread is a reader and takes the stream's lock. The [`registry`] holds all streams,
//! so that readers find those of blocked and ended threads.
//!
//! **Publish.** The owner writes an entry and then advances `next` with release; the hot path does
//! nothing else. A reader loads `next` with acquire and reads the entries before it. No published
//! entry is ever written again.
//!
//! **Next chunk.** When the current chunk is full, the owner takes the lock, allocates a [`chunk`],
//! *seals* the old one and enters the new one. A begin must stay within the budget; an end may
//! exceed it, so that every range that has begun also ends. A begin is accepted only if there is
//! memory for its end, too.
//!
//! **Seal.** A sealed chunk is no longer written. It has a final length, and a number in the order
//! in which the chunks of all threads were sealed. Readers hold chunks through [`segment`]s, which
//! are counted references.
//!
//! **Cut.** A session is the part between two sets of [`registry::Marks`], one position per stream.
//! A session that begins discards what is before it: all chunks that end before the marks, except
//! the ones being written.
//!
//! **Ring.** When the budget is spent, the chunk that was sealed first, on any thread, is
//! overwritten. Its open ranges and counts stay in a [`carry_over`]. Its room goes to the thread
//! that needs a chunk; if it is still being read, that thread gets other memory, in excess of the
//! budget. From [`ring::horizon`] on, no entry is missing.
//!
//! **Move to a store.** A session with a spool installs a [`store`]. That increments
//! [`store::number`], and the gate's `MOVING` bit sends each thread out of line once, where it
//! leaves its chunk for one of the store's. A chunk that was allocated before the switch and would
//! be entered after it is detected under the lock and replaced.
//!
//! **End of a thread.** A thread-local's destructor finishes the stream: it seals the last chunk
//! and, if that is mostly empty, replaces it with a copy that fits ([`chunk::Chunk::fitted`]). The
//! first cut that needs nothing of a finished stream removes it from the list. Ranges that the
//! thread begins after the destructor are counted as lost.
//!
//! **Fork.** A child has copies of all of this, and one thread. It starts with a new list, budget
//! and store and leaks its parent's ([`process`](crate::process)). Its thread-local pointer is
//! reset, so its next range registers a new stream.

pub(crate) mod buffer;
pub mod carry_over;
pub mod chunk;
mod cursor;
pub mod entry;
pub mod key;
pub mod losses;
mod owner;
pub mod prealloc;
mod prefetch;
pub mod registry;
pub(crate) mod ring;
pub mod segment;
pub mod shared;
mod skip_whole;
pub mod slab;
pub mod store;
mod sync;
mod thread_stream;
