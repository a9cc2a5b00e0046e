//! Where a thread writes its next entry.
//!
//! Only the stream's owner moves `next`, which is stored with release after the entry before it is written, so everybody
//! may read up to it. `end` is the owner's too, but for [`Cursor::retire`]: the owner then finds its chunk full at the
//! next entry, whatever room is left. `buffer` and `stream` are the only users.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::entry::Entry;

/// A place in the current chunk. Its own cache lines: no other thread writes near it.
#[repr(align(128))]
pub(super) struct Cursor {
    /// The next free entry.
    pub(super) next: AtomicPtr<Entry>,
    /// End of the current chunk; null: no more of it is to be used.
    end: AtomicPtr<Entry>,
}

impl Cursor {
    /// Without a chunk.
    pub(super) const fn full() -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), end: AtomicPtr::new(ptr::null_mut()) }
    }

    /// End of what the owner may write.
    #[inline(always)]
    pub(super) fn end(&self) -> *mut Entry {
        // ORDERING: the owner stores it, or it is null: nothing hangs on when that is seen.
        self.end.load(Ordering::Relaxed)
    }

    /// The owner has a new chunk.
    pub(super) fn enter(&self, start: *mut Entry, end: *mut Entry) {
        // ORDERING: see `end`.
        self.end.store(end, Ordering::Relaxed);
        // ORDERING: readers hold the lock that the owner holds here.
        self.next.store(start, Ordering::Release);
    }

    /// The rest of the chunk is not used: the owner asks for another at its next entry, or the one after if it is about
    /// to write. For any thread.
    pub(super) fn retire(&self) {
        // ORDERING: see `end`.
        self.end.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Whether the chunk has no room left.
    pub(super) fn is_full(&self) -> bool {
        // ORDERING: only the writer stores it.
        self.next.load(Ordering::Relaxed) >= self.end()
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
