//! A thread's stream of entries, and the cursor through which the hot path appends to it.
//!
//! The registry owns every stream, so that stop can read the stream of a blocked or finished thread; a thread-local
//! pointer leads the owner to its [`Cursor`]. That pointer is never null: a thread without a stream points at
//! [`VACANT`], which is always full, so that the hot path has one check (is there room?) and everything else is out of
//! line in `append_slow`. Only the owner moves the cursor; it publishes each entry with a release store, and readers
//! take the lock that the owner needs for the next chunk.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::{self, Chunk, ENTRIES};
use super::cursor::Cursor;
use super::entry::Entry;
use super::{ledger, registry};

/// The cursor of a thread without a stream: full for ever.
static VACANT: Cursor = Cursor::full();

thread_local! {
    /// Without a destructor: reading it is one instruction.
    static CURSOR: Cell<*const Cursor> = const { Cell::new(&raw const VACANT) };
    /// Owns the stream; its destructor hands the stream over when the thread ends.
    static OWNED: Owned = const { Owned(Cell::new(None)) };
}

struct Owned(Cell<Option<Arc<Stream>>>);

impl Owned {
    /// This thread's stream, made if it has none.
    fn stream(&self) -> Arc<Stream> {
        let stream = self.0.take().unwrap_or_else(registry::new_stream);
        self.0.set(Some(Arc::clone(&stream)));
        stream
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        CURSOR.set(&raw const VACANT);
        let _own = ledger::own();
        if let Some(stream) = self.0.take() {
            // ORDERING: read under the registry's lock by the sweep, which tolerates a late answer.
            stream.finished.store(true, Ordering::Release);
        }
    }
}

/// One thread's entries.
pub(crate) struct Stream {
    cursor: Cursor,
    chunks: Mutex<Vec<Arc<Chunk>>>,
    /// Ranges that found no room; written by the owner only.
    lost: AtomicU64,
    /// The budget's generation in which it was spent: not asked again before it changes.
    refused_in: AtomicU64,
    pub(super) finished: std::sync::atomic::AtomicBool,
    pub(super) thread: registry::ThreadIdentity,
}

/// A published stretch of a chunk.
#[derive(Clone)]
pub(crate) struct Run {
    chunk: Arc<Chunk>,
    from: usize,
    to: usize,
}

impl Run {
    /// Position of the first entry in its thread's stream.
    pub(crate) fn position(&self) -> u64 {
        self.chunk.base() + self.from as u64
    }

    /// The entries, in the order in which they were recorded.
    pub(crate) fn entries(&self) -> &[Entry] {
        // SAFETY: `Stream::runs` is the only maker; it keeps `from <= to <= ENTRIES` and has read a published length of
        // at least `to` with acquire ordering.
        unsafe { self.chunk.published(self.from, self.to) }
    }
}

#[cfg(test)]
impl Run {
    /// A run with these entries, as a thread would have recorded them.
    pub(crate) fn of(entries: &[Entry]) -> Vec<Self> {
        let pieces = entries.chunks(ENTRIES);
        let runs = pieces.filter_map(|piece| {
            let chunk = Arc::new(Chunk::take(0, false)?);
            // SAFETY: the chunk is new, large enough, and not shared yet.
            unsafe { chunk.start().copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
            Some(Self { chunk, from: 0, to: piece.len() })
        });
        runs.collect()
    }
}

/// Appends `entry()` to this thread's stream. `entry` runs as late as possible, so that a begin's clock is read after
/// everything else. False if there was no room.
#[inline(always)]
pub(crate) fn append(may_overdraw: bool, entry: impl Fn() -> Entry) -> bool {
    // SAFETY: CURSOR points at VACANT or at the cursor of the stream that OWNED keeps alive for as long as the thread
    // can run this; `Owned::drop` points it back first.
    let cursor = unsafe { &*CURSOR.get() };
    // ORDERING: only this thread stores it.
    let next = cursor.next.load(Ordering::Relaxed);
    // SAFETY: `end` belongs to this thread.
    if next == unsafe { *cursor.end.get() } {
        return append_slow(may_overdraw, entry());
    }
    // SAFETY: `next < end`, so it points at a free entry of the current chunk, which only this thread writes, and which
    // no reader looks at before the store below.
    unsafe { next.write(entry()) };
    // ORDERING: publishes the entry to a reader that loads with acquire.
    cursor.next.store(next.wrapping_add(1), Ordering::Release);
    true
}

/// Appends all entries, one after the other, or none: allocations are recorded with it. On a thread without a
/// stream they go to a stream that threads share, under its lock, because an allocator may call this where a
/// thread-local with a destructor is out of reach: before the thread has its name, and while it ends.
#[inline(always)]
pub(crate) fn append_all<const COUNT: usize>(entries: impl Fn() -> [Entry; COUNT]) -> bool {
    // SAFETY: see `append`.
    let cursor = unsafe { &*CURSOR.get() };
    // ORDERING: only this thread stores it.
    let next = cursor.next.load(Ordering::Relaxed);
    // SAFETY: `end` belongs to this thread.
    let end = unsafe { *cursor.end.get() };
    if end.addr() - next.addr() < size_of::<[Entry; COUNT]>() {
        return append_all_slow(entries);
    }
    // SAFETY: so many free entries, else as in `append`.
    unsafe { next.cast::<[Entry; COUNT]>().write(entries()) };
    // ORDERING: see `append`.
    cursor.next.store(next.wrapping_add(COUNT), Ordering::Release);
    true
}

/// Appends entries that describe the next call, as many as there is room for.
#[inline]
pub(crate) fn append_slice(entries: &[Entry]) {
    // SAFETY: see `append`.
    let cursor = unsafe { &*CURSOR.get() };
    // ORDERING: only this thread stores it.
    let next = cursor.next.load(Ordering::Relaxed);
    // SAFETY: `end` belongs to this thread.
    let end = unsafe { *cursor.end.get() };
    if end.addr() - next.addr() < size_of_val(entries) {
        entries.iter().for_each(|&entry| {
            append(false, || entry);
        });
        return;
    }
    // SAFETY: so many free entries, else as in `append`.
    unsafe { next.copy_from_nonoverlapping(entries.as_ptr(), entries.len()) };
    // ORDERING: see `append`.
    cursor.next.store(next.wrapping_add(entries.len()), Ordering::Release);
}

#[inline(never)]
fn append_all_slow<const COUNT: usize>(entries: impl Fn() -> [Entry; COUNT]) -> bool {
    let _own = ledger::own();
    let cursor = CURSOR.get();
    if ptr::eq(cursor, &raw const VACANT) {
        let place = CURSOR.with(|cursor| ptr::from_ref(cursor).addr());
        return registry::with_shared_stream(place, |stream| {
            // SAFETY: whoever holds the lock of a shared stream is its only writer. The clock is read under it: time
            // does not run backwards in a stream.
            unsafe { stream.append_all(&entries()) }
        });
    }
    OWNED
        .try_with(|owned| {
            let stream = owned.0.take()?;
            // SAFETY: this thread owns the stream.
            let appended = unsafe { stream.append_all(&entries()) };
            owned.0.set(Some(stream));
            Some(appended)
        })
        .ok()
        .flatten()
        .unwrap_or(false)
}

/// Whose stream this thread writes, and the position of its next entry; `None` while the thread is ending. Takes the
/// stream's lock, which only readers share.
pub(super) fn next_place() -> Option<(u32, u64)> {
    OWNED
        .try_with(|owned| {
            let stream = owned.stream();
            (stream.thread.ordinal, stream.length())
        })
        .ok()
}

/// No room: the thread's first entry, a full chunk, or the budget is spent.
#[cold]
#[inline(never)]
fn append_slow(may_overdraw: bool, entry: Entry) -> bool {
    let _own = ledger::own();
    let Ok(stream) = OWNED.try_with(|owned| {
        let stream = owned.stream();
        CURSOR.set(&raw const stream.cursor);
        stream
    }) else {
        // The thread is ending and its thread-locals are gone.
        registry::count_late_loss();
        return false;
    };
    if !stream.grow(may_overdraw) {
        return false;
    }
    append(may_overdraw, || entry)
}

impl Stream {
    pub(super) fn new(thread: registry::ThreadIdentity) -> Self {
        Self {
            cursor: Cursor::full(),
            chunks: Mutex::default(),
            lost: AtomicU64::new(0),
            refused_in: AtomicU64::new(0),
            finished: std::sync::atomic::AtomicBool::new(false),
            thread,
        }
    }

    /// Gives the owner a chunk with room. An end may overdraw the budget (by one chunk a thread at most): a range that
    /// has begun is always closed.
    fn grow(&self, may_overdraw: bool) -> bool {
        let generation = chunk::generation();
        // ORDERING: owner only.
        if !may_overdraw && self.refused_in.load(Ordering::Relaxed) == generation {
            return self.refuse(generation);
        }
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let base = self.position(&chunks);
        let Some(chunk) = Chunk::take(base, !may_overdraw) else {
            return self.refuse(generation);
        };
        let chunk = Arc::new(chunk);
        let start = chunk.start();
        chunks.push(chunk);
        // SAFETY: the owner runs this; nobody else touches `end`.
        unsafe { *self.cursor.end.get() = start.wrapping_add(ENTRIES) };
        // ORDERING: readers hold the lock that is held here.
        self.cursor.next.store(start, Ordering::Release);
        true
    }

    /// All entries, or none if the budget leaves no room for allocations.
    ///
    /// # Safety
    /// The caller is the stream's only writer.
    unsafe fn append_all(&self, entries: &[Entry]) -> bool {
        // SAFETY: the caller's promise.
        if unsafe { self.cursor.is_full() } && (chunk::is_scarce() || !self.grow(false)) {
            return false;
        }
        for &entry in entries {
            // SAFETY: the caller's promise.
            if unsafe { self.cursor.is_full() } && !self.grow(true) {
                return false;
            }
            // SAFETY: there is room, and the caller's promise.
            unsafe { self.cursor.push(entry) };
        }
        true
    }

    fn refuse(&self, generation: u64) -> bool {
        // ORDERING: owner only writes; readers want a statistic.
        self.refused_in.store(generation, Ordering::Relaxed);
        self.lost.store(self.lost.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        false
    }

    /// Entries ever appended.
    fn position(&self, chunks: &[Arc<Chunk>]) -> u64 {
        let Some(last) = chunks.last() else { return 0 };
        last.base() + self.filled(last) as u64
    }

    /// Published entries of the current chunk.
    fn filled(&self, current: &Chunk) -> usize {
        // ORDERING: pairs with the owner's release store.
        let next = self.cursor.next.load(Ordering::Acquire);
        (next.addr() - current.start().addr()) / size_of::<Entry>()
    }

    /// Entries appended so far.
    pub(super) fn length(&self) -> u64 {
        self.position(&self.chunks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ranges lost so far.
    pub(super) fn losses(&self) -> u64 {
        // ORDERING: a statistic.
        self.lost.load(Ordering::Relaxed)
    }

    /// The entries at positions `from..to`, as far as they are still there.
    pub(super) fn runs(&self, from: u64, to: u64) -> Vec<Run> {
        let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let end = self.position(&chunks).min(to);
        let mut runs = Vec::with_capacity(chunks.len());
        for chunk in chunks.iter() {
            let inside = |position: u64| position.saturating_sub(chunk.base()).min(ENTRIES as u64) as usize;
            let (from, to) = (inside(from), inside(end));
            if from < to {
                runs.push(Run { chunk: Arc::clone(chunk), from, to });
            }
        }
        runs
    }

    /// Lets go of the chunks that end before `position`; never of the one being written.
    pub(super) fn forget(&self, position: u64) {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let keep = chunks.len().saturating_sub(1);
        let old = chunks.iter().take(keep).take_while(|chunk| chunk.base() + ENTRIES as u64 <= position).count();
        let gone: Vec<_> = chunks.drain(..old).collect();
        drop(chunks);
        drop(gone);
    }
}
