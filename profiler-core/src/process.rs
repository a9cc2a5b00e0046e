//! A process and its forked children: the state of its parent that a child forgets, and the state
//! that it makes anew.
//!
//! A child that was forked without `exec` has a copy of the parent's memory and one thread. A lock
//! may be held in it by a thread that does not exist, and a session, its files and its claims are
//! the parent's. So the child uses, drops and unlocks nothing of the parent's: state that a lock
//! guards is [`PerProcess`], which a child makes anew and leaks the parent's; the gate shuts;
//! values of the parent's that are dropped in the child check a [`Stamp`] first.
//!
//! A child is noticed by a handler of `pthread_atfork`, before its first instruction after `fork`.
//! Where no handler runs (`clone`, `_Fork`), [`check`] compares process ids on the slow paths:
//! start, stop and end of a session, export, a thread's first range and each of its chunks; until
//! then such a child continues to write into its parent's chunk, which is a copy unless it lies in
//! a spool. A page that the kernel wipes in children (`MADV_WIPEONFORK`) would tell with one load
//! everywhere, but the gate would have to live on it, in memory that no initialised static has.
//! `vfork` and `posix_spawn` share the memory and run no handler: nothing happens.

pub mod descriptors;

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use crate::ledger;

/// The number of times that this process has found itself to be a child, and its process id: one
/// word, so that only one thread detects a fork. The id is 0 before the first check.
static PROCESS: AtomicU64 = AtomicU64::new(0);

/// Returns the number of this process among its forked ancestors; the first that used the runtime
/// has 0.
#[inline]
pub(crate) fn number() -> u32 {
    // ORDERING: changes while this process has one thread, or the next reader finds it changed.
    // CAST: the upper half.
    (PROCESS.load(Ordering::Relaxed) >> 32) as u32
}

/// Returns whether an ancestor of this process has used the runtime.
pub(crate) fn is_child() -> bool {
    number() > 0
}

/// Checks whether this process was forked without a handler being run. Costs one system call: for
/// slow paths.
pub fn check() {
    // ORDERING: see `number`.
    let known_word = PROCESS.load(Ordering::Relaxed);
    let id = std::process::id();
    // CAST: the lower half.
    match known_word as u32 {
        known if known == id => {}
        0 => watch(id),
        _ => become_child(known_word, id),
    }
}

/// Starts to watch for forks, at the runtime's first use in this process.
#[cold]
fn watch(id: u32) {
    // ORDERING: see `number`.
    if PROCESS.compare_exchange(0, id.into(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        at_fork();
    }
}

/// Forgets the parent. Only stores to atomics and closes descriptors: it runs after `fork`, before
/// the child's own code.
#[cold]
fn become_child(known: u64, id: u32) {
    let new = ((known >> 32) + 1) << 32 | u64::from(id);
    // ORDERING: see `number`.
    if PROCESS.compare_exchange(known, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        FORGETTERS.iter().filter_map(OnceLock::get).for_each(|forget| forget());
        descriptors::close();
    }
}

/// A part of the recorder that has state of the parent's to forget.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Gate,
    Chunks,
    Store,
    Stream,
}

/// Function of each part that runs in a child; unset for a part that has not been used.
static FORGETTERS: [OnceLock<fn()>; 4] = [const { OnceLock::new() }; 4];

/// Registers `forget` to be called in a forked child. Each part registers before it has state; the
/// first call counts.
pub(crate) fn forget_with(part: Part, forget: fn()) {
    let _ = FORGETTERS[part as usize].set(forget);
}

#[cfg(all(unix, not(miri)))]
fn at_fork() {
    extern "C" fn in_child() {
        // ORDERING: see `number`.
        become_child(PROCESS.load(Ordering::Relaxed), std::process::id());
    }
    // SAFETY: the handler touches only atomics, a thread-local without a destructor and
    // descriptors. If the list is full, the call is refused, and `check` remains.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(all(unix, not(miri))))]
const fn at_fork() {}

/// A static that each process makes for itself: a child's is new, and the child never touches or
/// drops the parent's.
///
/// The first process has it inline, so that no use of it allocates there.
pub struct PerProcess<T: 'static> {
    made: AtomicPtr<Made<T>>,
    make: fn(Option<&T>) -> T,
    /// True once a thread makes, or has made, the value in [`first`](Self::first).
    is_begun: AtomicBool,
    first: UnsafeCell<MaybeUninit<Made<T>>>,
}

struct Made<T> {
    process: u32,
    value: T,
}

// SAFETY: only the thread that has set `is_begun` writes `first`, and publishes it; from then on
// the value is shared.
unsafe impl<T: Send + Sync> Sync for PerProcess<T> {}

impl<T: Send + Sync> PerProcess<T> {
    /// Creates a static that `make` fills at its first use in each process, from the parent's value
    /// if there is one. State that the parent's locks guard may be half changed: it is usable only
    /// where `try_lock` gets the lock.
    pub const fn new(make: fn(Option<&T>) -> T) -> Self {
        Self {
            made: AtomicPtr::new(ptr::null_mut()),
            make,
            is_begun: AtomicBool::new(false),
            first: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, before: *mut Made<T>) {
        let _own = ledger::own();
        check();
        // SAFETY: see `deref`.
        let parents = unsafe { before.as_ref() }.map(|made| &made.value);
        let value = Made { process: number(), value: (self.make)(parents) };
        // ORDERING: only which thread is first matters.
        let is_first = !self.is_begun.swap(true, Ordering::Relaxed);
        // A child needs memory, and so does the second of two threads that arrive at once.
        let layout = Layout::new::<Made<T>>();
        let memory = || forever(layout).unwrap_or_else(|| handle_alloc_error(layout)).as_ptr().cast();
        let place: *mut Made<T> = if is_first { self.first.get().cast() } else { memory() };
        // SAFETY: no other thread has the place.
        unsafe { place.write(value) };
        // ORDERING: publishes the value to `deref`.
        if self.made.compare_exchange(before, place, Ordering::Release, Ordering::Relaxed).is_err() {
            // Another thread was faster; the place stays unused.
            // SAFETY: no other thread has seen this one.
            unsafe { place.drop_in_place() };
        }
    }
}

impl<T: Send + Sync> Deref for PerProcess<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        loop {
            // ORDERING: pairs with the exchange in `make`.
            let made = self.made.load(Ordering::Acquire);
            // SAFETY: null, or made by `make` and never freed.
            match unsafe { made.as_ref() } {
                Some(of_here) if of_here.process == number() => return &of_here.value,
                _ => self.make(made),
            }
        }
    }
}

/// Returns zeroed memory that is never freed: from the program's allocator, or from the system if
/// that has none.
pub(crate) fn forever(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: no caller asks for memory of no size.
    NonNull::new(unsafe { alloc_zeroed(layout) }).or_else(|| pages(layout.size()))
}

/// Returns whole zeroed pages from the kernel.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn pages(bytes: usize) -> Option<NonNull<u8>> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping; it replaces nothing.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, kind, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

/// Returns none: the allocator is the only source of memory.
#[cfg(not(all(target_os = "linux", not(miri))))]
const fn pages(_bytes: usize) -> Option<NonNull<u8>> {
    None
}

/// Process that a value was made in.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(u32);

impl Stamp {
    /// Returns the stamp of this process.
    pub fn here() -> Self {
        check();
        Self(number())
    }

    /// Returns whether the value is the parent's: its locks, threads and files must not be touched
    /// here.
    pub fn is_foreign(self) -> bool {
        check();
        self.0 != number()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn threads_agree_on_what_the_first_of_them_makes() {
        static MADE: PerProcess<Mutex<u32>> = PerProcess::new(|_| Mutex::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| *MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1);
            }
        });
        assert_eq!(MADE.lock().map(|sum| *sum).ok(), Some(8));
    }
}
