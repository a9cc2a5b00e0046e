//! Chunks: the 64 KiB pieces that thread buffers are made of, from a pool with a byte budget.
//!
//! A chunk is written by one thread and read by others up to a length that the writer has published (`buffer`); nothing
//! published is ever written again, so a reader needs no lock. The last owner's drop gives the memory back to the pool,
//! because a fresh page costs as much as a clock read.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use super::ledger;

/// Entries of a chunk: 64 KiB, 2,048 ranges.
pub(crate) const ENTRIES: usize = 4096;
const BYTES: usize = ENTRIES * size_of::<Entry>();
/// Memory that the pool keeps while no session needs it.
const IDLE_BYTES: usize = 16 << 20;

type Storage = Box<[UnsafeCell<MaybeUninit<Entry>>]>;

static POOL: Mutex<Vec<Idle>> = Mutex::new(Vec::new());
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static BUDGET: AtomicUsize = AtomicUsize::new(256 << 20);
/// Changes whenever memory may have become free: a thread that found the budget spent asks again only then.
static GENERATION: AtomicU64 = AtomicU64::new(1);

struct Idle(Storage);

// SAFETY: idle storage has no writer and no reader; it is plain memory.
unsafe impl Send for Idle {}

/// A piece of a thread's stream.
pub(crate) struct Chunk {
    storage: Storage,
    /// Position of the chunk's first entry in its thread's stream.
    base: u64,
}

// SAFETY: one thread writes entries, each before it publishes a length that covers it (release); others read only what
// is published (acquire). See `buffer`.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// A chunk from the pool, or `None` if the budget is spent and `within_budget` is asked for.
    pub(crate) fn take(base: u64, within_budget: bool) -> Option<Self> {
        // ORDERING: a counter, no data hangs on it; an overshoot is impossible because the addition itself is atomic.
        let before = IN_USE.fetch_add(BYTES, Ordering::Relaxed);
        if within_budget && before + BYTES > BUDGET.load(Ordering::Relaxed) {
            IN_USE.fetch_sub(BYTES, Ordering::Relaxed);
            return None;
        }
        let _own = ledger::own();
        let idle = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let storage =
            idle.map_or_else(|| (0..ENTRIES).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(), |idle| idle.0);
        Some(Self { storage, base })
    }

    /// Position of the first entry in the thread's stream.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Where the writer begins.
    pub(crate) fn start(&self) -> *mut Entry {
        UnsafeCell::raw_get(self.storage.as_ptr()).cast()
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
        let storage = std::mem::take(&mut self.storage);
        // ORDERING: counters, see `take`.
        IN_USE.fetch_sub(BYTES, Ordering::Relaxed);
        GENERATION.fetch_add(1, Ordering::Relaxed);
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() * BYTES < IDLE_BYTES {
            pool.push(Idle(storage));
        }
    }
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
    IN_USE.load(Ordering::Relaxed) + BYTES > BUDGET.load(Ordering::Relaxed) / 4 * 3
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
