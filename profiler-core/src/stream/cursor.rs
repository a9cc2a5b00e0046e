//! The position at which a thread writes its next entry, in its current chunk.
//!
//! Only the stream's owner moves `next`, with release ordering and after the entries before it are
//! written, so every thread may read up to it. Only the owner touches `end`. `buffer` and
//! `thread_stream` are the only users.
//!
//! # Signal handlers
//!
//! A signal handler may interrupt its thread between any two instructions here, and record ranges
//! itself:
//!
//! ```text
//! interrupted push    reads next = n                                    writes n        next += 1
//! handler                               writes n, n+1, …  next += k
//! stream afterwards   n: the interrupted entry │ n+1 … n+k-1: the handler's │ n+k: never written
//! ```
//!
//! `next` is incremented by one instruction, not stored. So entries that a handler has published
//! stay published, except for its first, which the interrupted entry replaces. A chunk's memory is
//! zero until it is written, so the slot that was skipped is an empty entry, which readers count as
//! the lost range. `next` may pass `end` in this way, by one entry per interruption, so a chunk is
//! full once `next` is not before `end`.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::compiler_fence;

use super::entry::Entry;
use super::sync::{AtomicPtr, Ordering, advance};

/// A position in the current chunk, alone on its cache lines, so that no other thread writes near
/// it.
#[repr(align(128))]
pub(crate) struct Cursor {
    /// Next free entry.
    next: AtomicPtr<Entry>,
    /// End of the memory that the owner may write. Not an atomic, which would cost every entry one
    /// more instruction for the comparison.
    end: UnsafeCell<*mut Entry>,
}

const _: () = assert!(size_of::<Cursor>() == align_of::<Cursor>(), "nothing else lies on its cache lines");

// SAFETY: only the owning thread touches `end`; `next` is atomic.
unsafe impl Send for Cursor {}
// SAFETY: as above.
unsafe impl Sync for Cursor {}

impl Cursor {
    /// Creates a cursor without a chunk.
    pub(crate) const fn full() -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), end: UnsafeCell::new(ptr::null_mut()) }
    }

    /// Returns the end of the entries that every thread may read.
    pub(crate) fn published(&self) -> *mut Entry {
        // ORDERING: pairs with the owner's release stores.
        self.next.load(Ordering::Acquire)
    }

    /// Moves the owner to a new chunk.
    ///
    /// # Safety
    /// The caller is the only writer.
    pub(crate) unsafe fn enter(&self, start: *mut Entry, end: *mut Entry) {
        // A handler that interrupts this finds the chunk full.
        // SAFETY: `end` belongs to the writer.
        unsafe { self.end.get().write_volatile(ptr::null_mut()) };
        compiler_fence(Ordering::SeqCst);
        // ORDERING: readers hold the lock that the owner holds here.
        self.next.store(start, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { self.end.get().write_volatile(end) };
    }

    /// Gives up the rest of the chunk, so that the next entry takes another one.
    ///
    /// # Safety
    /// The caller is the only writer.
    pub(crate) unsafe fn retire(&self) {
        // ORDERING: only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        // SAFETY: `end` belongs to the writer.
        unsafe { *self.end.get() = next };
    }

    /// Returns whether the chunk is full.
    ///
    /// # Safety
    /// The caller is the only writer.
    pub(crate) unsafe fn is_full(&self) -> bool {
        // ORDERING: only the writer stores it.
        // SAFETY: `end` belongs to the writer.
        self.next.load(Ordering::Relaxed) >= unsafe { *self.end.get() }
    }

    /// Writes an entry and publishes it; returns false if the chunk is full. `entry` runs as late
    /// as possible.
    ///
    /// # Safety
    /// The caller is the only writer.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, entry: impl FnOnce() -> Entry) -> bool {
        // ORDERING: only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        // SAFETY: `end` belongs to the writer.
        if next >= unsafe { *self.end.get() } {
            return false;
        }
        // SAFETY: `next < end`, so it points at a free entry of the current chunk. Only the writer
        // writes there, and no reader reads there before the entry is published (except where a
        // handler has published meanwhile).
        unsafe { next.write(entry()) };
        // ORDERING: publishes the entry to readers, which load with acquire.
        advance(&self.next, 1);
        true
    }

    /// Writes several entries and publishes them together; returns false if the chunk has no room
    /// for all.
    ///
    /// # Safety
    /// The caller is the only writer.
    #[inline(always)]
    pub(crate) unsafe fn push_array<const COUNT: usize>(&self, entries: impl FnOnce() -> [Entry; COUNT]) -> bool {
        // ORDERING: only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        // SAFETY: `end` belongs to the writer.
        let end = unsafe { *self.end.get() };
        if end.addr() < next.addr() + size_of::<[Entry; COUNT]>() {
            return false;
        }
        // SAFETY: the array fits before `end`; the rest is as in `push`.
        unsafe { next.cast::<[Entry; COUNT]>().write(entries()) };
        // ORDERING: see `push`.
        advance(&self.next, COUNT);
        true
    }

    /// Writes a slice of entries and publishes them together, as [`push_array`](Self::push_array)
    /// does.
    ///
    /// # Safety
    /// The caller is the only writer.
    #[inline]
    pub(crate) unsafe fn push_slice(&self, entries: &[Entry]) -> bool {
        // ORDERING: only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        // SAFETY: `end` belongs to the writer.
        let end = unsafe { *self.end.get() };
        if end.addr() < next.addr() + size_of_val(entries) {
            return false;
        }
        // SAFETY: the slice fits before `end`; the rest is as in `push`.
        unsafe { next.copy_from_nonoverlapping(entries.as_ptr(), entries.len()) };
        // ORDERING: see `push`.
        advance(&self.next, entries.len());
        true
    }
}
