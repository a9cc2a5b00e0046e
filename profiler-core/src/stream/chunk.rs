//! Chunks: the 64 KiB pieces of a stream, allocated from memory within a byte budget or from a
//! [`Store`].
//!
//! A program may have a hundred thousand threads, so a thread's first chunk in memory has only 4
//! KiB, and the last chunk of an ended thread is shrunk to fit ([`Chunk::fitted`]).
//!
//! One thread writes a chunk, and others read it up to the length that the writer has published
//! (`buffer`). Published entries are never written again, so reading them needs no lock. The last
//! owner's drop returns the memory.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::entry::Entry;
use super::slab::{CHUNK_BYTES, SMALL_BYTES, Slabs};
use super::store::{self, Store, bump_generation};
use crate::ledger;
use crate::process::{self, Part, PerProcess};

/// Maximum number of entries in a chunk: 64 KiB, or 2,048 ranges.
pub const ENTRIES: usize = CHUNK_BYTES / size_of::<Entry>();

/// Number of entries in a thread's first chunk.
pub(crate) const FIRST_ENTRIES: u64 = (SMALL_BYTES / size_of::<Entry>()) as u64;

static SLABS: PerProcess<Mutex<Slabs>> = PerProcess::new(|_| Mutex::new(Slabs::new()));
/// Bytes of all chunks that count against the budget.
static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// Budget of all chunks together, in bytes.
static BUDGET: AtomicUsize = AtomicUsize::new(256 << 20);
/// True if the oldest chunk is overwritten when the budget is spent.
static RING: AtomicBool = AtomicBool::new(false);

fn slabs() -> MutexGuard<'static, Slabs> {
    SLABS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A piece of a thread's stream.
pub struct Chunk {
    /// Owned memory, returned to `home` when the chunk is dropped.
    start: NonNull<Entry>,
    /// Position of the chunk's first entry in its thread's stream.
    base: u64,
    /// Capacity in entries.
    capacity: usize,
    home: Home,
    /// Number of the source of chunks when this one was taken; see [`store::number`].
    store: u64,
    /// Position in the order in which chunks were sealed, and the final length; set once the chunk
    /// is no longer written.
    sealed: OnceLock<(u64, usize)>,
    /// True if the chunk counts against the budget.
    counted: AtomicBool,
    /// True if the store has allocated a replacement while this chunk is still read.
    has_overflow: AtomicBool,
}

/// Source of a chunk's memory.
enum Home {
    Slabs,
    /// The program's allocator; exactly as large as the entries.
    Fitted,
    /// A store, with the chunk's number in it.
    Store(Arc<dyn Store>, u32),
}

// SAFETY: one thread writes entries and then publishes a length that covers them (release); others
// read only published entries (acquire). See `buffer`.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// Allocates a chunk for the entries of `thread` from position `base` on. Returns `None` if the
    /// system has no memory, or if `within_budget` is set and the budget is spent.
    pub(crate) fn take(base: u64, thread: u32, within_budget: bool) -> Option<Self> {
        let _own = ledger::own();
        process::on_fork(Part::Chunks, become_child);
        let store_number = store::number();
        if let Some(store) = store::current() {
            if let Some((start, number)) = store.take(thread, base) {
                return Some(Self::new((start.cast(), ENTRIES), base, Home::Store(store, number), store_number));
            }
            if within_budget {
                return None;
            }
        }
        let bytes = if base == 0 { SMALL_BYTES } else { CHUNK_BYTES };
        // ORDERING: a counter that no data depends on; the addition is atomic, so concurrent calls
        // cannot exceed the budget together.
        let before = IN_USE.fetch_add(bytes, Ordering::Relaxed);
        let allowed = !within_budget || before + bytes <= BUDGET.load(Ordering::Relaxed);
        let take = if base == 0 { Slabs::take_small } else { Slabs::take };
        let start = if allowed { take(&mut slabs()) } else { None };
        let Some(start) = start else {
            IN_USE.fetch_sub(bytes, Ordering::Relaxed);
            if allowed {
                // The system does not signal free memory, so the thread tries again next time.
                bump_generation();
            }
            return None;
        };
        let capacity = bytes / size_of::<Entry>();
        Some(Self::new((start.cast(), capacity), base, Home::Slabs, store_number))
    }

    /// Returns a copy of this sealed chunk without the unused rest; `None` if that would save less
    /// than half, or if there is no memory.
    pub(crate) fn fitted(&self) -> Option<Self> {
        let (order, length) = self.sealed()?;
        if !matches!(self.home, Home::Slabs) || length == 0 || 2 * length > self.capacity {
            return None;
        }
        let layout = Layout::array::<Entry>(length).ok()?;
        // SAFETY: the layout's size is not zero.
        let start: NonNull<Entry> = NonNull::new(unsafe { alloc(layout) })?.cast();
        // SAFETY: `length` entries are published, and the copy has room for as many.
        unsafe { start.copy_from_nonoverlapping(self.start, length) };
        // ORDERING: a counter, see `take`.
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        let copy = Self::new((start, length), self.base, Home::Fitted, self.store);
        let _ = copy.sealed.set((order, length));
        Some(copy)
    }

    /// Creates a chunk outside the budget, so that one test does not use up another's.
    pub(crate) fn uncounted() -> Option<Self> {
        let chunk = Self::new((slabs().take()?.cast(), ENTRIES), 0, Home::Slabs, store::number());
        // ORDERING: no other thread has it.
        chunk.counted.store(false, Ordering::Relaxed);
        Some(chunk)
    }

    /// Creates a sealed chunk of `length` entries over the memory of a store.
    pub fn found(store: Arc<dyn Store>, number: u32, start: NonNull<u8>, base: u64, length: usize) -> Self {
        let chunk = Self::new((start.cast(), ENTRIES), base, Home::Store(store, number), 0);
        chunk.seal(length);
        chunk
    }

    fn new((start, capacity): (NonNull<Entry>, usize), base: u64, home: Home, store: u64) -> Self {
        let counted = AtomicBool::new(!matches!(home, Home::Store(..)));
        Self {
            start,
            base,
            capacity,
            home,
            store,
            sealed: OnceLock::new(),
            counted,
            has_overflow: AtomicBool::new(false),
        }
    }

    /// Returns the number of the source of chunks when this one was taken.
    pub(crate) fn store(&self) -> u64 {
        self.store
    }

    /// Returns the position of the chunk's first entry in the thread's stream.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Returns the number of entries that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    fn bytes(&self) -> usize {
        self.capacity * size_of::<Entry>()
    }

    /// Returns the address of the chunk's first entry.
    pub(crate) fn start(&self) -> *mut Entry {
        self.start.as_ptr()
    }

    /// Seals the chunk after its writer has left it with `length` entries.
    pub(crate) fn seal(&self, length: usize) {
        static ORDER: AtomicU64 = AtomicU64::new(0);
        // ORDERING: only the order of the numbers matters.
        let _ = self.sealed.set((ORDER.fetch_add(1, Ordering::Relaxed), length));
    }

    /// Returns the chunk's position in the order of seals, and its length.
    pub(crate) fn sealed(&self) -> Option<(u64, usize)> {
        self.sealed.get().copied()
    }

    /// Releases the memory of a chunk that is not being read. Pages of a file are dropped from the
    /// process's memory until the next read.
    pub fn release(&self) {
        if let Home::Store(store, number) = &self.home {
            store.release(*number);
        }
    }

    /// Gives up the overwritten chunk, so that its room can be reused even while it is still read.
    pub(crate) fn give_up(&self, is_read: bool) {
        match &self.home {
            Home::Slabs | Home::Fitted => self.uncount(),
            // ORDERING: read by the last owner's drop.
            Home::Store(store, number) => {
                self.has_overflow.store(store.give_up(*number, is_read), Ordering::Relaxed);
            }
        }
    }

    fn uncount(&self) {
        // ORDERING: counters, see `take`.
        if self.counted.swap(false, Ordering::Relaxed) {
            IN_USE.fetch_sub(self.bytes(), Ordering::Relaxed);
        }
    }

    /// Returns the entries `from..to`.
    ///
    /// # Safety
    /// `from <= to <= ENTRIES`, and the caller has read a published length of at least `to` with
    /// acquire ordering.
    pub unsafe fn published(&self, from: usize, to: usize) -> &[Entry] {
        // SAFETY: the caller ensures that the range lies inside the chunk and is initialised, and
        // published entries are never written again while the chunk lives.
        unsafe { std::slice::from_raw_parts(self.start().cast_const().add(from), to - from) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let _own = ledger::own();
        match &self.home {
            Home::Slabs => {
                let written = self.sealed().map_or(self.capacity, |(_, length)| length);
                // SAFETY: no other code has it any more.
                unsafe { self.start.write_bytes(0, written) };
                if self.bytes() == SMALL_BYTES {
                    slabs().give_small(self.start.cast());
                } else {
                    slabs().give(self.start.cast());
                }
            }
            Home::Fitted => {
                if let Ok(layout) = Layout::array::<Entry>(self.capacity) {
                    // SAFETY: allocated with this layout; no other code has it any more.
                    unsafe { dealloc(self.start.as_ptr().cast(), layout) };
                }
            }
            // ORDERING: no other code has it any more.
            Home::Store(store, number) => store.give(*number, self.has_overflow.load(Ordering::Relaxed)),
        }
        self.uncount();
        bump_generation();
    }
}

/// Maps and touches memory for the first entries of a recording.
pub(crate) fn warm() {
    slabs().warm();
}

/// Reserves memory for the first chunks of `count` threads.
pub(crate) fn reserve(count: usize) {
    slabs().reserve(count);
}

/// Sets the budget of all chunks together in bytes, and whether the oldest chunk is overwritten
/// when it is spent.
pub fn set_budget(bytes: usize, ring: bool) {
    // ORDERING: counters, see `Chunk::take`.
    BUDGET.store(bytes, Ordering::Relaxed);
    RING.store(ring, Ordering::Relaxed);
    bump_generation();
}

/// Resets the budget in a child that was just forked: the parent's chunks do not count.
fn become_child() {
    // ORDERING: the process has one thread, or is handling the fork.
    IN_USE.store(0, Ordering::Relaxed);
}

/// Returns whether the oldest chunk is overwritten when the budget is spent.
pub(crate) fn is_ring() -> bool {
    // ORDERING: a setting.
    RING.load(Ordering::Relaxed)
}

/// Returns the number of chunks to overwrite at once: a sixty-fourth of the budget, so that the
/// search for the oldest ones is rare.
pub(crate) fn overwritten_at_once() -> usize {
    // ORDERING: a setting.
    let budget = || BUDGET.load(Ordering::Relaxed) / CHUNK_BYTES;
    (store::current().map_or_else(budget, |store| store.capacity()) / 64).max(1)
}

/// Returns whether at most a quarter of the budget is left. That quarter is reserved for ranges;
/// allocations are not recorded then.
pub(crate) fn is_scarce() -> bool {
    // ORDERING: a statistic.
    let left = BUDGET.load(Ordering::Relaxed) / 4 * 3;
    !is_ring() && IN_USE.load(Ordering::Relaxed) + CHUNK_BYTES > left && !store::is_installed()
}

/// Returns the bytes of all chunks in use.
pub(crate) fn bytes_in_use() -> usize {
    // ORDERING: a statistic.
    IN_USE.load(Ordering::Relaxed)
}
