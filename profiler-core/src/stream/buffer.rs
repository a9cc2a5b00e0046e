//! The hot path's access to its thread's stream (`thread_stream`): it appends through a cursor.
//!
//! The registry owns every stream, so that stop can read the stream of a blocked or finished
//! thread; a thread-local pointer leads the owner to its [`Cursor`]. That pointer is never null: a
//! thread without a stream points at [`VACANT`], which is always full, so that the hot path has one
//! check (is there room?) and everything else is out of line in `append_slow`. Only the owner moves
//! the cursor; it publishes each entry with a release store, and readers take the lock that the
//! owner needs for the next chunk.
//!
//! # Re-entry
//!
//! A signal handler may interrupt the recorder, and its allocator may be annotated. The fast path
//! tolerates that ([`cursor`](super::cursor)). Out of line the thread holds locks and allocates: it
//! is marked as the profiler's ([`ledger::own`]) from before the first lock, and its entries that
//! arrive meanwhile are dropped and counted.

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

/// The cursor of a thread without a stream: full for ever.
static VACANT: Cursor = Cursor::full();

thread_local! {
    /// The thread's cursor. It has no destructor: reading it is one instruction.
    static CURSOR: Cell<*const Cursor> = const { Cell::new(&raw const VACANT) };
    /// Ends that were refused, while the thread worked for the profiler or had no memory, and their
    /// number: the next chunk begins with them.
    static OWED: Cell<([Entry; 8], usize)> = const { Cell::new(([Entry::EMPTY; 8], 0)) };
    /// Owner of the stream; its destructor hands the stream over when the thread ends.
    static OWNED: Owned = const { Owned(Cell::new(None)) };
}

/// The stream, and the process that created it.
struct Owned(Cell<Option<(u32, Shared<Stream>)>>);

impl Owned {
    /// Returns this thread's stream, created if there is none; `None` if there is no memory for
    /// one.
    fn stream(&self) -> Option<Shared<Stream>> {
        let stream = self.take().or_else(registry::new_stream)?;
        self.put(stream.clone());
        Some(stream)
    }

    /// Takes out this thread's stream. A stream from before this process was forked stays the
    /// parent's: it is neither written to nor dropped.
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

impl Drop for Owned {
    fn drop(&mut self) {
        CURSOR.set(&raw const VACANT);
        let _own = ledger::own();
        if let Some(stream) = self.take() {
            stream.thread.ends();
            stream.finish();
            registry::leave(&stream);
        }
    }
}

/// Appends `entry()` to this thread's stream. `entry` runs as late as possible, so that a begin's
/// clock is read after everything else. Returns false if there was no room.
#[inline(always)]
pub(crate) fn append(may_overdraw: bool, entry: impl Fn() -> Entry) -> bool {
    append_if_room(&entry) || append_slow(may_overdraw, entry())
}

/// Appends as [`append`] does, but only into the current chunk; counts nothing if that is full.
#[inline(always)]
pub(crate) fn append_if_room(entry: impl FnOnce() -> Entry) -> bool {
    // SAFETY: CURSOR points at VACANT or at the cursor of the stream that OWNED keeps alive for as
    // long as the thread can run this; `Owned::drop` points it back first.
    let cursor = unsafe { &*CURSOR.get() };
    // SAFETY: no other code writes through the cursor of this thread's stream.
    unsafe { cursor.push(entry) }
}

/// Appends all entries, one after the other, or none, as for an allocation. A thread without a
/// stream uses a stream that threads share, under its lock, because an allocator may call this
/// where a thread-local with a destructor is out of reach: before the thread has its name, and
/// while it ends.
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

/// Appends entries that describe the next call, as many as there is room for.
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
    // Without a stream every allocation comes here: too often for a system call.
    if !is_vacant {
        process::check();
    }
    if is_of_the_parent() {
        return false;
    }
    let _own = ledger::own();
    if is_vacant {
        let place = CURSOR.with(|cursor| ptr::from_ref(cursor).addr());
        let appended = registry::with_shared_stream(place, |stream| {
            // SAFETY: the thread that holds the lock of a shared stream is its only writer. The
            // clock is read under the lock: time does not run backwards in a stream.
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

/// Returns the ordinal of this thread's stream, and the position of its next entry; `None` while
/// the thread is ending, or if there is no memory for a stream. Takes the stream's lock, which only
/// readers share.
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

/// Appends an entry that found no room: it is the thread's first, the chunk is full, or the budget
/// is spent.
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
        process::forget_with(Part::Stream, become_child);
        CURSOR.set(stream.cursor());
        Some(stream)
    }) else {
        // The thread is ending and its thread-locals are gone.
        if entry.loses_range() {
            Loss::EndingThread.count();
        }
        return false;
    };
    let Some(stream) = stream else {
        // A thread that has recorded nothing owes no ends: the future's polls were lost, too.
        if entry.loses_range() || entry.begins_task_end() {
            Loss::NoMemory.count();
        }
        return false;
    };
    // A signal handler may have filled the new chunk by now.
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

/// Refuses an entry without room while the thread makes room, or does other work of the profiler.
fn refuse(entry: Entry) {
    if entry.loses_range() {
        Loss::Reentry.count();
    } else {
        owe(entry);
    }
}

/// Keeps an end that finds no room: its begin may have found some, and without an end it would
/// enclose everything that follows.
fn owe(entry: Entry) {
    let (mut owed, count) = OWED.get();
    if entry.is_of_an_end()
        && let Some(place) = owed.get_mut(count)
    {
        *place = entry;
        OWED.set((owed, count + 1));
    }
}

/// Returns whether an append belongs to a range of the parent: this process was forked, and has no
/// session of its own.
fn is_of_the_parent() -> bool {
    let is_of_the_parent = process::is_child() && gate::load() & gate::RECORD == 0;
    if is_of_the_parent {
        become_child();
    }
    is_of_the_parent
}

/// Detaches this thread from its stream, which belongs to the process that this one was forked
/// from.
fn become_child() {
    CURSOR.set(&raw const VACANT);
}

/// Makes this thread leave its chunk: it writes no more into it.
pub(crate) fn leave_chunk() {
    let cursor = CURSOR.get();
    if !ptr::eq(cursor, &raw const VACANT) {
        // SAFETY: see `append_if_room`; the cursor is this thread's own.
        unsafe { (*cursor).retire() };
    }
}

/// Makes this thread leave its chunk if that is not from the current source of chunks.
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
