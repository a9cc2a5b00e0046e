//! Chunks of two entries, from a budget that each model sets.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use super::entry::Entry;
use super::store;

pub(super) const ENTRIES: usize = 2;
pub(super) const FIRST_ENTRIES: u64 = 2;

type Memory = Box<[UnsafeCell<MaybeUninit<Entry>>; ENTRIES]>;

// Loom runs all threads of a model on one thread of the system, so that these belong to the model.
// The product's counters are relaxed hints, except for the budget's, which is one atomic addition.
thread_local! {
    static BUDGET: Cell<usize> = const { Cell::new(0) };
    static IS_RING: Cell<bool> = const { Cell::new(false) };
    static IN_USE: Cell<usize> = const { Cell::new(0) };
    static SEALED: Cell<u64> = const { Cell::new(0) };
    /// Memory that was given back. It is used again first, so that loom detects a reader that has
    /// no right to it.
    static FREE: RefCell<Vec<Memory>> = const { RefCell::new(Vec::new()) };
}

/// Begins a model.
pub fn begin(budget: usize, ring: bool) {
    BUDGET.set(budget);
    IS_RING.set(ring);
    IN_USE.set(0);
    FREE.take();
}

pub struct Chunk {
    memory: Option<Memory>,
    base: u64,
    store: u64,
    sealed: OnceLock<(u64, usize)>,
    counted: Cell<bool>,
}

// SAFETY: as the product's; loom watches the entries.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    pub(super) fn take(base: u64, _thread: u32, within_budget: bool) -> Option<Self> {
        if within_budget && IN_USE.get() >= BUDGET.get() {
            return None;
        }
        Some(Self::new(base, store::number()))
    }

    fn new(base: u64, store: u64) -> Self {
        IN_USE.set(IN_USE.get() + 1);
        let new = || Box::new([const { UnsafeCell::new(MaybeUninit::uninit()) }; ENTRIES]);
        let memory = FREE.with_borrow_mut(Vec::pop).unwrap_or_else(new);
        Self { memory: Some(memory), base, store, sealed: OnceLock::new(), counted: Cell::new(true) }
    }

    pub(super) fn uncounted() -> Option<Self> {
        Self::take(0, 0, false)
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn capacity(&self) -> usize {
        ENTRIES
    }

    /// Returns a copy of a chunk that is at least half empty.
    pub(super) fn fitted(&self) -> Option<Self> {
        let (order, length) = self.sealed().filter(|(_, length)| 2 * length <= ENTRIES && *length > 0)?;
        let copy = Self::new(self.base, self.store);
        // SAFETY: as the product's: so many entries are published, and the copy has room for them.
        unsafe { copy.start().copy_from_nonoverlapping(self.start(), length) };
        let _ = copy.sealed.set((order, length));
        Some(copy)
    }

    pub(super) fn start(&self) -> *mut Entry {
        self.memory.as_ref().unwrap()[0].get().cast()
    }

    pub(super) fn seal(&self, length: usize) {
        SEALED.set(SEALED.get() + 1);
        let _ = self.sealed.set((SEALED.get(), length));
    }

    pub(super) fn sealed(&self) -> Option<(u64, usize)> {
        self.sealed.get().copied()
    }

    pub(super) fn release(&self) {}

    pub(super) fn store(&self) -> u64 {
        self.store
    }

    /// Gives its room to other chunks, even if somebody still reads it.
    pub(super) fn give_up(&self) {
        if self.counted.replace(false) {
            IN_USE.set(IN_USE.get() - 1);
        }
    }

    /// # Safety
    /// As the product's.
    pub(super) unsafe fn published(&self, from: usize, to: usize) -> &[Entry] {
        // SAFETY: the caller's promise, which loom checks entry by entry.
        unsafe { std::slice::from_raw_parts(self.start().cast_const().add(from), to - from) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        FREE.with_borrow_mut(|free| free.extend(self.memory.take()));
        self.give_up();
        store::bump_generation();
    }
}

pub(super) fn is_ring() -> bool {
    IS_RING.get()
}

pub(super) fn is_scarce() -> bool {
    false
}

/// Returns whether all chunks that were taken have been given back.
pub fn is_unused() -> bool {
    IN_USE.get() == 0
}
