//! The source of chunks besides memory: a [`Store`] that a session has set up, such as a file.
//!
//! A store learns of every thread before the first entry that names it, and the code that sets it
//! up learns of every site ([`site::announce_to`](crate::site::announce_to)), so that a program
//! that finds its chunks without this process can read them: therefore it is announced first and
//! supplies chunks afterwards. Threads that are in the middle of a chunk leave it when the gate
//! tells them (`gate::MOVING`).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::owner::{ThreadIdentity, Writer};
use crate::process::{self, Part, PerProcess};

/// A supplier of chunks. Its methods are called by recording threads.
pub trait Store: Send + Sync {
    /// Takes a zeroed chunk for the entries of this thread from position `base` on. Returns its
    /// memory and its number; `None` if there is no room.
    fn take(&self, thread: u32, base: u64) -> Option<(NonNull<u8>, u32)>;
    /// Takes a chunk back. `has_overflow` is what [`give_up`](Self::give_up) returned for it.
    fn give(&self, number: u32, has_overflow: bool);
    /// Marks a chunk as overwritten. Returns whether another may take its place while it is still
    /// read.
    fn give_up(&self, number: u32, is_read: bool) -> bool;
    /// Removes a chunk's pages from the process's memory until they are read.
    fn release(&self, number: u32);
    /// Returns the number of chunks that fit.
    fn capacity(&self) -> usize;
    /// Counts `ranges` that were overwritten, with all entries up to `ticks`.
    fn count_overwritten(&self, ticks: u64, ranges: u64);
    /// Announces a thread that begins to record: the calling one. Must not need the program's
    /// memory.
    fn announce_thread(&self, ordinal: u32, os_id: u64, name: &str);
    /// Announces all existing threads, some maybe again.
    fn announce_threads(&self, threads: &[ThreadIdentity]);
}

static STORE: PerProcess<Mutex<Option<Arc<dyn Store>>>> = PerProcess::new(|_| Mutex::default());
/// True while chunks come from the store.
static SUPPLIES: AtomicBool = AtomicBool::new(false);
/// Number that changes whenever room may be free: a thread that found the budget spent asks again
/// only then.
static GENERATION: AtomicU64 = AtomicU64::new(1);
/// Number of times that the source of chunks has changed.
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn store() -> MutexGuard<'static, Option<Arc<dyn Store>>> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes chunks from this store from now on; `threads` returns the existing ones.
pub(super) fn install(new: &Arc<dyn Store>, threads: impl FnOnce() -> Vec<ThreadIdentity>) {
    process::forget_with(Part::Store, become_child);
    *store() = Some(Arc::clone(new));
    // Threads that begin from now on announce themselves.
    new.announce_threads(&threads());
    switch(true);
}

/// Takes chunks from memory again.
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
    note_change();
}

/// Forgets the parent's store in a forked child.
fn become_child() {
    switch(false);
}

/// Returns whether chunks come from a store. Takes no lock.
pub(crate) fn is_installed() -> bool {
    // ORDERING: a setting.
    SUPPLIES.load(Ordering::Relaxed)
}

/// Returns the store that chunks come from.
pub(crate) fn current() -> Option<Arc<dyn Store>> {
    if is_installed() { store().clone() } else { None }
}

/// Returns the number of times that the source of chunks has changed.
pub(crate) fn number() -> u64 {
    // ORDERING: see `switch`.
    NUMBER.load(Ordering::Relaxed)
}

/// Announces the calling thread, which begins to record.
pub(crate) fn announce_thread(thread: &Writer) {
    let store = store().clone();
    if let Some(store) = store {
        thread.with_first_name(|name| store.announce_thread(thread.ordinal, thread.os_id, name));
    }
}

/// Notes that room may be free.
pub(crate) fn note_change() {
    // ORDERING: a hint, see `generation`.
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Returns the present [`GENERATION`].
pub(crate) fn generation() -> u64 {
    // ORDERING: a hint; a late answer costs one more try.
    GENERATION.load(Ordering::Relaxed)
}
