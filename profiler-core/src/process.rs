//! Fork safety: detects that this process is a forked child, and separates its state from its
//! parent's.
//!
//! A child forked without `exec` has a copy of the parent's memory and a single thread. A lock may
//! be held by a thread that does not exist in the child, and the session with its files and claims
//! belongs to the parent. So the child uses, drops and unlocks nothing of the parent's:
//!
//! - State behind a lock is a [`PerProcess`]: the child creates its own value and leaks the
//!   parent's.
//! - The gate closes.
//! - A value of the parent's that is dropped in the child checks its [`Stamp`] first.
//!
//! A `pthread_atfork` handler detects the child before its first instruction after `fork`. Where no
//! handler runs (`clone`, `_Fork`), [`check`] compares process ids on the slow paths: start, stop
//! and end of a session, export, a thread's first range and each of its chunks. Until then such a
//! child keeps writing into its parent's chunk, which is a copy unless it lies in a spool.
//!
//! A page that the kernel wipes in children (`MADV_WIPEONFORK`) would detect a fork with one load,
//! but the gate would have to live on that page, where no initialised static can be placed. `vfork`
//! and `posix_spawn` share the parent's memory and run no handler; they need no treatment.

pub mod descriptors;

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use crate::ledger;

/// Upper half: the number of forks detected in this line of processes. Lower half: this process's
/// id, 0 before the first check. One word, so that exactly one thread handles a fork.
static PROCESS: AtomicU64 = AtomicU64::new(0);

/// Returns the generation of this process: 0 for the first one that used the runtime, one more for
/// each fork.
#[inline]
pub(crate) fn number() -> u32 {
    // ORDERING: the number changes while the process has one thread, or else the next reader
    // detects the change.
    // CAST: the upper half.
    (PROCESS.load(Ordering::Relaxed) >> 32) as u32
}

/// Returns whether this process was forked from one that used the runtime.
pub(crate) fn is_child() -> bool {
    number() > 0
}

/// Handles a fork for which no `pthread_atfork` handler ran. Costs one system call, so it is for
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

/// Installs the fork handler at the runtime's first use in this process.
#[cold]
fn watch(id: u32) {
    // ORDERING: see `number`.
    if PROCESS.compare_exchange(0, id.into(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        at_fork();
    }
}

/// Detaches this process from its parent's state. Runs right after `fork`, before the child's own
/// code, so it only stores to atomics and closes descriptors.
#[cold]
fn become_child(known: u64, id: u32) {
    let new = ((known >> 32) + 1) << 32 | u64::from(id);
    // ORDERING: see `number`.
    if PROCESS.compare_exchange(known, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        FORK_HANDLERS.iter().filter_map(OnceLock::get).for_each(|handler| handler());
        descriptors::close();
    }
}

/// A part of the recorder whose state must be reset in a child.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Gate,
    Chunks,
    Store,
    Stream,
}

/// Handler of each part, run in a child; unset while the part has not been used.
static FORK_HANDLERS: [OnceLock<fn()>; 4] = [const { OnceLock::new() }; 4];

/// Registers a handler to be called in a forked child. Each part registers before it has any state;
/// only the first call takes effect.
pub(crate) fn on_fork(part: Part, handler: fn()) {
    let _ = FORK_HANDLERS[part as usize].set(handler);
}

#[cfg(all(unix, not(miri)))]
fn at_fork() {
    extern "C" fn in_child() {
        // ORDERING: see `number`.
        become_child(PROCESS.load(Ordering::Relaxed), std::process::id());
    }
    // SAFETY: the handler touches only atomics, a thread-local without a destructor and
    // descriptors. If registration fails, `check` still detects the fork.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(all(unix, not(miri))))]
const fn at_fork() {}

/// A lazily created static of which each process has its own value. A forked child creates a new
/// one and never touches or drops its parent's.
///
/// The first process stores its value inline, so that using it never allocates.
pub struct PerProcess<T: 'static> {
    current: AtomicPtr<Instance<T>>,
    make: fn(Option<&T>) -> T,
    /// True once a thread has claimed [`first`](Self::first) for its value.
    is_begun: AtomicBool,
    first: UnsafeCell<MaybeUninit<Instance<T>>>,
}

struct Instance<T> {
    process: u32,
    value: T,
}

// SAFETY: only the thread that set `is_begun` writes `first`; it then publishes the value, which is
// shared from then on.
unsafe impl<T: Send + Sync> Sync for PerProcess<T> {}

impl<T: Send + Sync> PerProcess<T> {
    /// Creates a static whose value `make` creates at its first use in each process. `make` is
    /// given the parent's value, if any. State behind one of the parent's locks may be half
    /// changed, so it may be read only if `try_lock` succeeds.
    pub const fn new(make: fn(Option<&T>) -> T) -> Self {
        Self {
            current: AtomicPtr::new(ptr::null_mut()),
            make,
            is_begun: AtomicBool::new(false),
            first: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, before: *mut Instance<T>) {
        let _own = ledger::own();
        check();
        // SAFETY: see `deref`.
        let parents = unsafe { before.as_ref() }.map(|made| &made.value);
        let value = Instance { process: number(), value: (self.make)(parents) };
        // ORDERING: only decides which thread is first.
        let is_first = !self.is_begun.swap(true, Ordering::Relaxed);
        // A child allocates, and so does the second of two threads that arrive at once.
        let layout = Layout::new::<Instance<T>>();
        let leaked = || alloc_leaked(layout).unwrap_or_else(|| handle_alloc_error(layout)).as_ptr().cast();
        let memory_of_value: *mut Instance<T> = if is_first { self.first.get().cast() } else { leaked() };
        // SAFETY: no other thread has this memory.
        unsafe { memory_of_value.write(value) };
        // ORDERING: publishes the value to `deref`.
        if self.current.compare_exchange(before, memory_of_value, Ordering::Release, Ordering::Relaxed).is_err() {
            // Another thread was faster; this memory stays unused.
            // SAFETY: no other thread has seen this value.
            unsafe { memory_of_value.drop_in_place() };
        }
    }
}

impl<T: Send + Sync> Deref for PerProcess<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        loop {
            // ORDERING: pairs with the exchange in `make`.
            let made = self.current.load(Ordering::Acquire);
            // SAFETY: null, or written by `make` and never freed.
            match unsafe { made.as_ref() } {
                Some(own) if own.process == number() => return &own.value,
                _ => self.make(made),
            }
        }
    }
}

/// Allocates zeroed memory that is never freed, from the system or, if that fails, from the
/// program's allocator, which a signal handler that records may have interrupted.
pub(crate) fn alloc_leaked(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: every caller passes a layout of non-zero size.
    map_pages(layout.size()).or_else(|| NonNull::new(unsafe { alloc_zeroed(layout) }))
}

/// Maps zeroed pages from the kernel.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn map_pages(bytes: usize) -> Option<NonNull<u8>> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping; it replaces nothing.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, kind, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

/// Returns `None`: here the allocator is the only source of memory.
#[cfg(not(all(target_os = "linux", not(miri))))]
const fn map_pages(_bytes: usize) -> Option<NonNull<u8>> {
    None
}

/// Process in which a value was created.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(u32);

impl Stamp {
    /// Returns the stamp of this process.
    pub fn here() -> Self {
        check();
        Self(number())
    }

    /// Returns whether the value belongs to a parent process: its locks, threads and files must not
    /// be touched here.
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
