//! Counts allocated bytes, separately for the program and for the profiler itself.
//!
//! A session that starts late must know what was allocated before it, so allocations are counted
//! from the first one on. Each of the first [`LEDGERS`] threads adds to a cache line of its own
//! with a plain load and store; later threads share ledgers and add atomically. A thread-local
//! without a destructor points to the thread's ledger, because an allocator may run before the
//! thread has a name and after its thread-locals are gone.
//!
//! While a thread works for the profiler ([`own`]), it adds to the profiler's ledger and records
//! nothing. This keeps the profiler's memory out of the program's figures, and keeps the recorder
//! from recording its own allocations.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Number of ledgers with a single writer.
const LEDGERS: usize = 1024;
/// Number of ledgers that all further threads share.
const SHARED: usize = 64;

/// Bytes allocated minus bytes freed.
#[derive(Debug)]
#[repr(align(64))]
struct Ledger {
    bytes: AtomicI64,
    /// True if several threads write it.
    is_shared: bool,
}

static EXCLUSIVE: [Ledger; LEDGERS] = [const { Ledger::new(false) }; LEDGERS];
static COMMON: [Ledger; SHARED] = [const { Ledger::new(true) }; SHARED];
/// Ledger of the profiler.
static PROFILER: Ledger = Ledger::new(true);
/// Number of threads that have been assigned a ledger.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Ledger of the thread; `None` before its first allocation.
    static LEDGER: Cell<Option<&'static Ledger>> = const { Cell::new(None) };
}

impl Ledger {
    const fn new(is_shared: bool) -> Self {
        Self { bytes: AtomicI64::new(0), is_shared }
    }

    fn read(&self) -> i64 {
        // ORDERING: part of a sum over running threads; each number is exact by itself.
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Adds `bytes` to the calling thread's ledger; negative for freed bytes.
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

/// Assigns a ledger to the calling thread.
fn assign() -> &'static Ledger {
    // ORDERING: only uniqueness matters.
    let number = THREADS.fetch_add(1, Ordering::Relaxed);
    let ledger = EXCLUSIVE.get(number).unwrap_or(&COMMON[number % SHARED]);
    LEDGER.set(Some(ledger));
    ledger
}

/// Guard during which this thread's allocations and releases count as the profiler's.
#[derive(Debug)]
pub struct Own {
    before: Option<&'static Ledger>,
    stays_on_its_thread: PhantomData<*const ()>,
}

/// Marks this thread as working for the profiler until the guard drops. Costs two thread-local
/// stores.
#[must_use = "the mark lasts until the guard is dropped"]
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

/// Returns whether any bytes were ever added. With `ProfilingAllocator` installed, the program's
/// first allocation does that.
pub(crate) fn is_used() -> bool {
    // ORDERING: a statistic.
    THREADS.load(Ordering::Relaxed) > 0
}

/// Returns the bytes that the program has allocated and not yet freed, over all threads.
pub(crate) fn live() -> i64 {
    let all = EXCLUSIVE.iter().chain(&COMMON).map(Ledger::read);
    all.fold(0, i64::wrapping_add)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::thread;

    use super::*;

    /// One test, because the ledgers belong to the process.
    #[test]
    fn counts_outlive_their_threads_and_exclude_the_profiler() {
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
