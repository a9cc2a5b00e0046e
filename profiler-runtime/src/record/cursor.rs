//! Where a thread writes its next entry.
//!
//! Only the stream's owner moves it, and reads `end`; everybody may read `next`, which is stored with release after the
//! entry before it is written. `buffer` and `stream` are the only users.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::entry::Entry;

/// A place in the current chunk. Its own cache lines: no other thread writes near it.
#[repr(align(128))]
pub(super) struct Cursor {
    /// The next free entry.
    pub(super) next: AtomicPtr<Entry>,
    /// End of the current chunk; only the owner reads and writes it. No atomic: the comparison with it would be one
    /// instruction more for every entry.
    pub(super) end: UnsafeCell<*mut Entry>,
}

// SAFETY: `end` is touched by the owning thread only; `next` is atomic.
unsafe impl Send for Cursor {}
// SAFETY: as above.
unsafe impl Sync for Cursor {}

impl Cursor {
    /// Without a chunk.
    pub(super) const fn full() -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), end: UnsafeCell::new(ptr::null_mut()) }
    }

    /// The owner has a new chunk.
    ///
    /// # Safety
    /// The caller is the only writer.
    pub(super) unsafe fn enter(&self, start: *mut Entry, end: *mut Entry) {
        // SAFETY: `end` belongs to the writer.
        unsafe { *self.end.get() = end };
        // ORDERING: readers hold the lock that the owner holds here.
        self.next.store(start, Ordering::Release);
    }

    /// The rest of the chunk is not used: the next entry asks for another.
    ///
    /// # Safety
    /// The caller is the only writer.
    pub(super) unsafe fn retire(&self) {
        // ORDERING: only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        // SAFETY: `end` belongs to the writer.
        unsafe { *self.end.get() = next };
    }

    /// Whether the chunk has no room left.
    ///
    /// # Safety
    /// The caller is the only writer.
    pub(super) unsafe fn is_full(&self) -> bool {
        // ORDERING: only the writer stores it.
        // SAFETY: `end` belongs to the writer.
        self.next.load(Ordering::Relaxed) == unsafe { *self.end.get() }
    }

    /// Writes one entry and publishes it.
    ///
    /// # Safety
    /// The caller is the only writer, and there is room.
    pub(super) unsafe fn push(&self, entry: Entry) {
        // ORDERING: only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        // SAFETY: a free entry by the caller's promise.
        unsafe { next.write(entry) };
        // ORDERING: publishes the entry to a reader that loads with acquire.
        self.next.store(next.wrapping_add(1), Ordering::Release);
    }
}
