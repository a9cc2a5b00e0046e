//! Streams: the recorded entries of each thread, written by that thread alone and read by others
//! meanwhile.
//!
//! ```text
//! thread-local pointer ─► cursor ─► chunk │ chunk │ chunk        one stream, in the registry's list
//!          (buffer)       next, end   └ 16-byte entries, from a slab of memory or a store
//! ```
//!
//! # The protocol
//!
//! **Owner and readers.** A stream has one owner, its thread. The owner appends through the
//! [`cursor`]; every other thread is a reader and takes the stream's lock. The [`registry`] owns
//! the streams themselves, so a reader finds those of threads that are blocked or have ended.
//!
//! **Publish.** The owner writes an entry and then advances `next` with release: the hot path does
//! no more. A reader loads `next` with acquire and reads the entries before it. No published entry
//! is ever written again.
//!
//! **Next chunk.** When the cursor is full, the owner takes the lock, takes a [`chunk`] (within the
//! budget for a begin; an end may overdraw it, so that a range that has begun ends), *seals* the
//! old one and enters the new one. Memory comes first: a begin finds room only if there is room for
//! its end, too.
//!
//! **Seal.** A sealed chunk has its length, and a number in the order in which all chunks were
//! sealed. It is not written any more; readers hold it by [`segment`]s, each a counted reference.
//!
//! **Cut.** A session is the part between two sets of [`registry::Marks`], one position for each
//! stream. Beginning a session discards the part before it: of the chunks whose last entry lies
//! before the marks, only the one that is being written is kept.
//!
//! **Ring.** When the budget is spent, the chunk that was sealed first, on any thread, is
//! overwritten: its open ranges and counts stay in a [`carry_over`], its memory goes to the thread
//! that asked once it is not read any more, or if it is, at once beside the budget.
//! [`ring::horizon`] is the time from which every entry is there.
//!
//! **Move to a store.** A session with a spool installs a [`store`]: its number rises, and the
//! gate's `MOVING` bit sends each thread out of line once, where it leaves its chunk for one of the
//! store. A chunk that was taken before and is entered after the switch is noticed under the lock
//! and taken again.
//!
//! **End of a thread.** Its thread-local's destructor finishes the stream: the last chunk is sealed
//! and, if it is mostly empty, copied into one that fits ([`chunk::Chunk::fitted`]). A finished
//! stream leaves the list with the first cut that needs nothing of it; ranges after that are
//! counted as lost.
//!
//! **Fork.** A child has copies of all of this and one thread. It makes its own list, budget and
//! store anew and leaks its parent's ([`process`](crate::process)); its pointer points to no
//! stream, so its next range enrols it.

mod ahead;
pub(crate) mod buffer;
pub mod carry_over;
pub mod chunk;
mod cursor;
pub mod entry;
pub mod key;
pub mod losses;
mod owner;
pub mod prealloc;
pub mod registry;
pub(crate) mod ring;
pub mod segment;
pub mod shared;
mod skip_whole;
pub mod slab;
pub mod store;
mod sync;
mod thread_stream;
