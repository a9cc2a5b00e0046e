//! Chunks: the 64 KiB pieces that thread buffers are made of, within a byte budget.
//!
//! A chunk is written by one thread and read by others up to a length that the writer has published (`buffer`); nothing
//! published is ever written again, so a reader needs no lock. The last owner's drop gives the memory back (`slab`).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entry::Entry;
use super::ledger;
use super::slab::{CHUNK_BYTES, Slabs};

/// Entries of a chunk: 64 KiB, 2,048 ranges.
pub(crate) const ENTRIES: usize = CHUNK_BYTES / size_of::<Entry>();

static SLABS: Mutex<Slabs> = Mutex::new(Slabs::new());
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static BUDGET: AtomicUsize = AtomicUsize::new(256 << 20);
/// Changes whenever memory may have become free: a thread that found the budget spent asks again only then.
static GENERATION: AtomicU64 = AtomicU64::new(1);

fn slabs() -> MutexGuard<'static, Slabs> {
    SLABS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A piece of a thread's stream.
pub(crate) struct Chunk {
    /// Owned: goes back to its slab when the chunk is dropped.
    start: NonNull<Entry>,
    /// Position of the chunk's first entry in its thread's stream.
    base: u64,
}

// SAFETY: one thread writes entries, each before it publishes a length that covers it (release); others read only what
// is published (acquire). See `buffer`.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// A chunk; `None` if the system has no memory, or if the budget is spent and `within_budget` is asked for.
    pub(crate) fn take(base: u64, within_budget: bool) -> Option<Self> {
        // ORDERING: a counter, no data hangs on it; an overshoot is impossible because the addition itself is atomic.
        let before = IN_USE.fetch_add(CHUNK_BYTES, Ordering::Relaxed);
        let allowed = !within_budget || before + CHUNK_BYTES <= BUDGET.load(Ordering::Relaxed);
        let _own = ledger::own();
        let start = if allowed { slabs().take() } else { None };
        let Some(start) = start else {
            IN_USE.fetch_sub(CHUNK_BYTES, Ordering::Relaxed);
            return None;
        };
        Some(Self { start: start.cast(), base })
    }

    /// Position of the first entry in the thread's stream.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Where the writer begins.
    pub(crate) fn start(&self) -> *mut Entry {
        self.start.as_ptr()
    }

    /// The entries `from..to`.
    ///
    /// # Safety
    /// `from <= to <= ENTRIES`, and the writer has published a length of at least `to` which the caller has read with acquire ordering.
    pub(crate) unsafe fn published(&self, from: usize, to: usize) -> &[Entry] {
        // SAFETY: the range is inside the storage and initialised by the caller's promise, and published entries are
        // never written again while the chunk lives.
        unsafe { std::slice::from_raw_parts(self.start().cast_const().add(from), to - from) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let _own = ledger::own();
        slabs().give(self.start.cast());
        // ORDERING: counters, see `take`.
        IN_USE.fetch_sub(CHUNK_BYTES, Ordering::Relaxed);
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
}

/// Prepares memory for the first entries of a recording, so that they meet no page faults. Takes about a fifth of a
/// millisecond, once in a process.
pub(crate) fn warm() {
    let _own = ledger::own();
    slabs().warm();
}

/// Sets how many bytes all chunks together may take.
pub(crate) fn set_budget(bytes: usize) {
    // ORDERING: counters, see `Chunk::take`.
    BUDGET.store(bytes, Ordering::Relaxed);
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Whether no more than a quarter of the budget is left: that is for ranges, allocations may not take it.
pub(crate) fn is_scarce() -> bool {
    // ORDERING: a statistic.
    IN_USE.load(Ordering::Relaxed) + CHUNK_BYTES > BUDGET.load(Ordering::Relaxed) / 4 * 3
}

/// See [`GENERATION`].
pub(crate) fn generation() -> u64 {
    // ORDERING: a hint; a late answer costs one more try.
    GENERATION.load(Ordering::Relaxed)
}

/// Bytes of all chunks in use.
pub(crate) fn bytes_in_use() -> usize {
    // ORDERING: a statistic.
    IN_USE.load(Ordering::Relaxed)
}
