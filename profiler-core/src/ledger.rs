//! How much memory is allocated, at any time and by whom: the program or the profiler itself.
//!
//! A session that starts late must know what was allocated before it, so allocations are added up from the first on.
//! Each of the first [`LEDGERS`] threads has a cache line of its own and adds with a plain load and store; later ones
//! share some and add atomically. A thread's ledger is led to by a thread-local without a destructor, which an
//! allocator may use at any time, also before a thread has a name and after its thread-locals are gone.
//!
//! While a thread works for the profiler ([`own`]) it adds to a ledger that is not the program's and records nothing.
//! That keeps the profiler out of the picture, and an allocation of the recorder from entering it again.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Threads that have a ledger of their own.
const LEDGERS: usize = 1024;
/// Ledgers of all further threads.
const SHARED: usize = 64;

/// Bytes allocated minus bytes freed.
#[derive(Debug)]
#[repr(align(64))]
struct Ledger {
    bytes: AtomicI64,
    /// More than one thread writes it.
    is_shared: bool,
}

static EXCLUSIVE: [Ledger; LEDGERS] = [const { Ledger::new(false) }; LEDGERS];
static COMMON: [Ledger; SHARED] = [const { Ledger::new(true) }; SHARED];
/// The profiler's own.
static PROFILER: Ledger = Ledger::new(true);
/// Threads that have a ledger.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// `None` before the thread's first allocation.
    static LEDGER: Cell<Option<&'static Ledger>> = const { Cell::new(None) };
}

impl Ledger {
    const fn new(is_shared: bool) -> Self {
        Self { bytes: AtomicI64::new(0), is_shared }
    }

    fn read(&self) -> i64 {
        // ORDERING: a sum over threads that go on; each number is right by itself.
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The calling thread has allocated, or freed if `bytes` is negative.
#[inline(always)]
pub(crate) fn add(bytes: i64) {
    let ledger = match LEDGER.get() {
        Some(ledger) if !ledger.is_shared => ledger,
        shared => return add_shared(shared, bytes),
    };
    // ORDERING: this thread is the only writer.
    ledger.bytes.store(ledger.bytes.load(Ordering::Relaxed).wrapping_add(bytes), Ordering::Relaxed);
}

#[cold]
#[inline(never)]
fn add_shared(ledger: Option<&'static Ledger>, bytes: i64) {
    // ORDERING: a counter.
    ledger.unwrap_or_else(assign).bytes.fetch_add(bytes, Ordering::Relaxed);
}

/// Gives the calling thread its ledger.
fn assign() -> &'static Ledger {
    // ORDERING: only uniqueness matters.
    let number = THREADS.fetch_add(1, Ordering::Relaxed);
    let ledger = EXCLUSIVE.get(number).unwrap_or(&COMMON[number % SHARED]);
    LEDGER.set(Some(ledger));
    ledger
}

/// Until it drops, what this thread allocates and frees is the profiler's.
#[derive(Debug)]
pub struct Own {
    before: Option<&'static Ledger>,
    stays_on_its_thread: PhantomData<*const ()>,
}

/// This thread works for the profiler until the guard drops. Costs two thread-local stores.
#[must_use = "it holds until it is dropped"]
pub fn own() -> Own {
    Own { before: LEDGER.replace(Some(&PROFILER)), stays_on_its_thread: PhantomData }
}

impl Drop for Own {
    fn drop(&mut self) {
        LEDGER.set(self.before);
    }
}

/// Returns whether this thread works for the profiler.
pub fn is_own() -> bool {
    LEDGER.get().is_some_and(|ledger| ptr::eq(ledger, &raw const PROFILER))
}

/// Returns whether anything was ever added: the program allocates through `ProfilingAllocator`.
pub(crate) fn is_used() -> bool {
    // ORDERING: a statistic.
    THREADS.load(Ordering::Relaxed) > 0
}

/// Bytes that the program has allocated and not freed, over all threads.
pub(crate) fn live() -> i64 {
    let all = EXCLUSIVE.iter().chain(&COMMON).map(Ledger::read);
    all.fold(0, i64::wrapping_add)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::thread;

    use super::*;

    /// One test, because the numbers are the process's.
    #[test]
    fn what_threads_add_outlives_them_and_the_profilers_own_is_apart() {
        let before = live();
        let one = || {
            add(1000);
            let own = own();
            add(77);
            assert!(is_own());
            drop(own);
            add(-300);
            assert!(!is_own());
        };
        thread::spawn(one).join().unwrap();
        assert!(is_used());
        assert_eq!(live() - before, 700);
        for _ in 0..LEDGERS + 10 {
            thread::spawn(|| add(1)).join().unwrap();
        }
        assert_eq!(live() - before, 700 + LEDGERS as i64 + 10, "more threads than ledgers");
    }
}
