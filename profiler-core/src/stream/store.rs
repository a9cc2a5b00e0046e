//! Chunks from a [`Store`], such as a file, that a session installs in place of memory.
//!
//! The chunks must be readable without this process. So every thread is announced to the store
//! before the first entry that it writes, and every site is announced to the code that installs the
//! store ([`site::announce_to`](crate::site::announce_to)). The announcements come first; only then
//! does the store supply chunks. Threads leave the chunk that they are writing when the gate says
//! so (`gate::MOVING`).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::owner::{StreamOwner, ThreadIdentity};
use crate::process::{self, Part, PerProcess};

/// A source of chunks. Recording threads call its methods.
pub trait Store: Send + Sync {
    /// Takes a zeroed chunk for the entries of this thread from position `base` on. Returns its
    /// memory and number; `None` if the store is full.
    fn take(&self, thread: u32, base: u64) -> Option<(NonNull<u8>, u32)>;
    /// Takes a chunk back. `has_overflow` is the result of [`give_up`](Self::give_up) for it.
    fn give(&self, number: u32, has_overflow: bool);
    /// Marks a chunk as overwritten. Returns whether the store has allocated a replacement, in
    /// excess of its capacity, while the chunk is still read.
    fn give_up(&self, number: u32, is_read: bool) -> bool;
    /// Drops a chunk's pages from the process's memory until they are read again.
    fn release(&self, number: u32);
    /// Returns the capacity in chunks.
    fn capacity(&self) -> usize;
    /// Counts overwritten ranges; all entries up to `ticks` may be gone.
    fn count_overwritten(&self, ticks: u64, ranges: u64);
    /// Announces the calling thread, which begins to record. Must not allocate from the program's
    /// allocator.
    fn announce_thread(&self, ordinal: u32, os_id: u64, name: &str);
    /// Announces all existing threads; may repeat some.
    fn announce_threads(&self, threads: &[ThreadIdentity]);
}

static STORE: PerProcess<Mutex<Option<Arc<dyn Store>>>> = PerProcess::new(|_| Mutex::default());
/// True while chunks come from the store.
static SUPPLIES: AtomicBool = AtomicBool::new(false);
/// Number that changes whenever room may have become free. A thread that found the budget spent
/// tries again only after a change.
static GENERATION: AtomicU64 = AtomicU64::new(1);
/// Number of times that the source of chunks has changed.
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn store() -> MutexGuard<'static, Option<Arc<dyn Store>>> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs a store as the source of chunks. `threads` returns the threads that already have
/// streams.
pub(super) fn install(new: &Arc<dyn Store>, threads: impl FnOnce() -> Vec<ThreadIdentity>) {
    process::on_fork(Part::Store, become_child);
    *store() = Some(Arc::clone(new));
    // Later threads announce themselves.
    new.announce_threads(&threads());
    switch(true);
}

/// Removes the store; chunks come from memory again.
pub fn remove() {
    switch(false);
    let old = store().take();
    drop(old);
}

fn switch(supplies: bool) {
    // ORDERING: a setting.
    SUPPLIES.store(supplies, Ordering::Relaxed);
    // ORDERING: a chunk from the former source is detected under its stream's lock.
    NUMBER.fetch_add(1, Ordering::Relaxed);
    bump_generation();
}

/// Detaches a forked child from its parent's store.
fn become_child() {
    switch(false);
}

/// Returns whether chunks come from a store. Takes no lock.
pub(crate) fn is_installed() -> bool {
    // ORDERING: a setting.
    SUPPLIES.load(Ordering::Relaxed)
}

/// Returns the installed store.
pub(crate) fn current() -> Option<Arc<dyn Store>> {
    if is_installed() { store().clone() } else { None }
}

/// Returns the number of times that the source of chunks has changed.
pub(crate) fn number() -> u64 {
    // ORDERING: see `switch`.
    NUMBER.load(Ordering::Relaxed)
}

/// Announces the calling thread, which begins to record.
pub(crate) fn announce_thread(thread: &StreamOwner) {
    let store = store().clone();
    if let Some(store) = store {
        thread.with_first_name(|name| store.announce_thread(thread.ordinal, thread.os_id, name));
    }
}

/// Changes [`GENERATION`], because room may have become free.
pub(crate) fn bump_generation() {
    // ORDERING: a hint, see `generation`.
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Returns the current [`GENERATION`].
pub(crate) fn generation() -> u64 {
    // ORDERING: a hint; a late answer costs one more try.
    GENERATION.load(Ordering::Relaxed)
}
