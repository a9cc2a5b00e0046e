//! The hot path's access to the thread's stream (`thread_stream`): appends entries through a
//! cursor.
//!
//! The registry owns every stream, so that a stop can read the streams of blocked and ended
//! threads. A thread-local pointer leads the owning thread to its [`Cursor`]. The pointer is never
//! null: a thread without a stream points at [`VACANT`], which is always full. So the hot path has
//! one check, whether the chunk is full, and everything else is out of line in `append_slow`. Only
//! the owner moves the cursor; it publishes each entry with a release store. Readers take the lock
//! that the owner needs for its next chunk.
//!
//! # Re-entry
//!
//! A signal handler may interrupt the recorder, and the allocator that the recorder calls may be
//! annotated. The fast path tolerates both ([`cursor`](super::cursor)). The out-of-line path holds
//! locks and allocates, so the thread is marked as working for the profiler ([`ledger::own`])
//! before it takes the first lock. Entries that arrive meanwhile are dropped and counted.

use std::cell::Cell;
use std::{mem, ptr};

use super::cursor::Cursor;
use super::entry::Entry;
use super::losses::Loss;
use super::registry;
use super::shared::Shared;
use super::thread_stream::Stream;
use crate::gate;
use crate::ledger;
use crate::process::{self, Part};

/// Cursor of every thread without a stream, always full.
static VACANT: Cursor = Cursor::full();

thread_local! {
    /// Pointer to the thread's cursor. It has no destructor, so reading it takes one instruction.
    static CURSOR: Cell<*const Cursor> = const { Cell::new(&raw const VACANT) };
    /// Ends that were refused, because the thread worked for the profiler or there was no memory,
    /// and their number. The next chunk starts with them.
    static OWED: Cell<([Entry; 8], usize)> = const { Cell::new(([Entry::EMPTY; 8], 0)) };
    /// The thread's stream; the destructor finishes the stream when the thread ends.
    static OWNED: OwnedStream = const { OwnedStream(Cell::new(None)) };
}

/// A thread's stream, with the number of the process that created it.
struct OwnedStream(Cell<Option<(u32, Shared<Stream>)>>);

impl OwnedStream {
    /// Returns this thread's stream, and creates it if necessary; `None` if there is no memory.
    fn stream(&self) -> Option<Shared<Stream>> {
        let stream = self.take().or_else(registry::new_stream)?;
        self.put(stream.clone());
        Some(stream)
    }

    /// Takes this thread's stream out. A stream from before this process was forked belongs to the
    /// parent and is neither written to nor dropped.
    fn take(&self) -> Option<Shared<Stream>> {
        let (process, stream) = self.0.take()?;
        if process == process::number() {
            return Some(stream);
        }
        mem::forget(stream);
        None
    }

    fn put(&self, stream: Shared<Stream>) {
        self.0.set(Some((process::number(), stream)));
    }
}

impl Drop for OwnedStream {
    fn drop(&mut self) {
        CURSOR.set(&raw const VACANT);
        let _own = ledger::own();
        if let Some(stream) = self.take() {
            stream.thread.set_last_name();
            stream.finish();
            registry::remove(&stream);
        }
    }
}

/// Appends `entry()` to this thread's stream; returns false if there is no room. `entry` runs as
/// late as possible, so that a begin's clock is read after everything else.
#[inline(always)]
pub(crate) fn append(may_overdraw: bool, entry: impl Fn() -> Entry) -> bool {
    append_if_room(&entry) || append_slow(may_overdraw, entry())
}

/// Appends `entry()` if the current chunk has room. Counts no loss if it is full.
#[inline(always)]
pub(crate) fn append_if_room(entry: impl FnOnce() -> Entry) -> bool {
    // SAFETY: CURSOR points at VACANT, or at the cursor of the stream that OWNED keeps alive while
    // the thread can run this; `OwnedStream::drop` resets it first.
    let cursor = unsafe { &*CURSOR.get() };
    // SAFETY: only this thread writes through the cursor of its stream.
    unsafe { cursor.push(entry) }
}

/// Appends all entries next to each other, or none, as an allocation's. A thread without a stream
/// uses a shared stream under a lock, because an allocator may call this where thread-locals with
/// destructors are unavailable: before the thread has a name, and while it ends.
#[inline(always)]
pub(crate) fn append_all<const COUNT: usize>(entries: impl Fn() -> [Entry; COUNT]) -> bool {
    // SAFETY: see `append_if_room`.
    let cursor = unsafe { &*CURSOR.get() };
    // SAFETY: see `append_if_room`.
    if unsafe { cursor.push_array(&entries) } {
        return true;
    }
    append_all_slow(entries)
}

/// Appends entries that describe the next call, as far as there is room.
#[inline]
pub(crate) fn append_slice(entries: &[Entry]) {
    // SAFETY: see `append_if_room`.
    let cursor = unsafe { &*CURSOR.get() };
    // SAFETY: see `append_if_room`.
    if !unsafe { cursor.push_slice(entries) } {
        entries.iter().for_each(|&entry| {
            append(false, || entry);
        });
    }
}

#[inline(never)]
fn append_all_slow<const COUNT: usize>(entries: impl Fn() -> [Entry; COUNT]) -> bool {
    let is_vacant = ptr::eq(CURSOR.get(), &raw const VACANT);
    // Without a stream every allocation takes this path, too often for a system call.
    if !is_vacant {
        process::check();
    }
    if is_of_the_parent() {
        return false;
    }
    let _own = ledger::own();
    if is_vacant {
        let address = CURSOR.with(|cursor| ptr::from_ref(cursor).addr());
        let appended = registry::with_shared_stream(address, |stream| {
            // SAFETY: the thread that holds the lock of a shared stream is its only writer. The
            // clock is read under the lock, so that time does not run backwards in a stream.
            unsafe { stream.append_all(&entries(), registry::make_room) }
        });
        return appended.unwrap_or(false);
    }
    OWNED
        .try_with(|owned| {
            let stream = owned.take()?;
            // SAFETY: this thread owns the stream.
            let appended = unsafe { stream.append_all(&entries(), registry::make_room) };
            owned.put(stream);
            Some(appended)
        })
        .ok()
        .flatten()
        .unwrap_or(false)
}

/// Returns the ordinal of this thread's stream and the position of its next entry; `None` while the
/// thread is ending, or if there is no memory for a stream. Takes the stream's lock, for which only
/// readers compete.
pub(crate) fn next_place() -> Option<(u32, u64)> {
    if ledger::is_own() {
        return None;
    }
    let _own = ledger::own();
    OWNED
        .try_with(|owned| {
            let stream = owned.stream()?;
            Some((stream.thread.ordinal, stream.length()))
        })
        .ok()
        .flatten()
}

/// Returns the addresses of this thread's cursor and of its next entry.
#[cfg(test)]
pub(crate) fn addresses() -> [usize; 2] {
    // SAFETY: see `append_if_room`.
    let cursor = unsafe { &*CURSOR.get() };
    [ptr::from_ref(cursor).addr(), cursor.published().addr()]
}

/// Appends an entry that does not fit the current chunk: the thread's first entry, or one that
/// finds the chunk full. Returns false if the budget is spent.
#[cold]
#[inline(never)]
fn append_slow(may_overdraw: bool, entry: Entry) -> bool {
    process::check();
    if is_of_the_parent() {
        return false;
    }
    if ledger::is_own() {
        refuse(entry);
        return false;
    }
    let _own = ledger::own();
    let Ok(stream) = OWNED.try_with(|owned| {
        let stream = owned.stream()?;
        process::on_fork(Part::Stream, become_child);
        CURSOR.set(stream.cursor());
        Some(stream)
    }) else {
        // The thread is ending and its thread-locals are destroyed.
        if entry.loses_range() {
            Loss::EndingThread.count();
        }
        return false;
    };
    let Some(stream) = stream else {
        // A thread without a stream owes no ends: the polls of this future were lost, too.
        if entry.loses_range() || entry.begins_task_end() {
            Loss::NoMemory.count();
        }
        return false;
    };
    // A loop, because a signal handler may already have filled the new chunk.
    while stream.grow(may_overdraw, registry::make_room) {
        let (owed, count) = OWED.replace(([Entry::EMPTY; 8], 0));
        for owed in &owed[..count] {
            append_if_room(|| *owed);
        }
        if append_if_room(|| entry) {
            return true;
        }
    }
    if entry.loses_range() {
        stream.count_loss();
    } else {
        owe(entry);
    }
    false
}

/// Refuses an entry while the thread works for the profiler: counts a begin, keeps an end.
fn refuse(entry: Entry) {
    if entry.loses_range() {
        Loss::Reentry.count();
    } else {
        owe(entry);
    }
}

/// Keeps an end that found no room for the next chunk. Its begin may be recorded, and without an
/// end that range would enclose everything that follows.
fn owe(entry: Entry) {
    let (mut owed, count) = OWED.get();
    if entry.is_of_an_end()
        && let Some(slot) = owed.get_mut(count)
    {
        *slot = entry;
        OWED.set((owed, count + 1));
    }
}

/// Returns whether an append belongs to a range of the parent, because this process was forked and
/// has no session of its own.
fn is_of_the_parent() -> bool {
    let is_of_the_parent = process::is_child() && gate::load() & gate::RECORD == 0;
    if is_of_the_parent {
        become_child();
    }
    is_of_the_parent
}

/// Detaches this thread from its stream, which belongs to the parent process.
fn become_child() {
    CURSOR.set(&raw const VACANT);
}

/// Makes this thread leave its chunk, into which it writes no more.
pub(crate) fn leave_chunk() {
    let cursor = CURSOR.get();
    if !ptr::eq(cursor, &raw const VACANT) {
        // SAFETY: see `append_if_room`; the cursor is this thread's own.
        unsafe { (*cursor).retire() };
    }
}

/// Makes this thread leave its chunk if the chunk is not from the current source of chunks.
pub(crate) fn move_on() {
    let _own = ledger::own();
    let is_behind = OWNED.try_with(|owned| {
        let Some(stream) = owned.take() else { return false };
        let is_behind = stream.is_behind();
        owned.put(stream);
        is_behind
    });
    if is_behind == Ok(true) {
        leave_chunk();
    }
}
