//! Captures the calling thread's stack as addresses, without a lock and, after a thread's first
//! walk, without an allocation.
//!
//! The system's unwinder takes a quarter of a microsecond per frame, because it parses every
//! function's unwinding rules each time. On Linux, [`walk`] uses a copy of these rules, and each
//! thread caches the rule of each return address. The system's unwinder is used on other systems,
//! on a stack that is not the thread's own (a coroutine's), and under Miri.

use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use profiler_core::clock::cheapest;
use profiler_core::hooks::stack::{self, MAX_DEPTH};

use super::walk;

/// Picoseconds that a walk took in the last measurement.
static COST: AtomicU64 = AtomicU64::new(0);
/// Number of stacks that were skipped, because stack space or memory was short.
static SKIPPED: AtomicU64 = AtomicU64::new(0);

/// Prepares for a recording with stacks: copies the unwinding rules of all loaded code (about a
/// millisecond) and measures a walk.
pub(crate) fn prepare() {
    walk::load();
    stack::capture_with(capture);
    measure();
}

/// Frees the unwinding rules after a recording.
pub(crate) fn release() {
    walk::unload();
}

/// Returns the nanoseconds that a walk took on the thread that started the last recording.
pub(crate) fn ns_per_stack() -> f64 {
    // ORDERING: a statistic.
    COST.load(Ordering::Relaxed) as f64 / 1000.0
}

fn measure() {
    const WALKS: usize = 16;
    let mut addresses = [0; MAX_DEPTH];
    capture(&mut addresses);
    let ns = cheapest(WALKS, || {
        for _ in 0..WALKS {
            black_box(capture(black_box(&mut addresses)));
        }
    });
    // CAST: saturates.
    let picoseconds = (ns * 1000.0) as u64;
    // ORDERING: a statistic.
    COST.store(picoseconds, Ordering::Relaxed);
}

/// Captures a stack; see [`stack::Capture`].
#[inline(never)]
fn capture(addresses: &mut [u64; MAX_DEPTH]) -> usize {
    if !walk::fits() {
        // ORDERING: a statistic.
        SKIPPED.fetch_add(1, Ordering::Relaxed);
        return 0;
    }
    let count = walk::walk(addresses).unwrap_or_else(|| walk_slowly(addresses));
    if count == 0 {
        // ORDERING: as above.
        SKIPPED.fetch_add(1, Ordering::Relaxed);
    }
    count
}

/// Returns the number of stacks skipped since the previous call, because stack space or memory was
/// short.
pub(crate) fn take_skipped() -> u64 {
    // ORDERING: a statistic.
    SKIPPED.swap(0, Ordering::Relaxed)
}

#[cold]
#[inline(never)]
fn walk_slowly(addresses: &mut [u64]) -> usize {
    let mut count = 0;
    // Frames below this one belong to the unwinder.
    let here = (&raw const count).addr();
    let take = |frame: &backtrace::Frame| {
        if (1..=here).contains(&frame.sp().addr()) {
            return true;
        }
        let ip: *mut c_void = frame.ip();
        addresses[count] = ip.addr() as u64;
        count += 1;
        count < addresses.len()
    };
    #[cfg(windows)]
    backtrace::trace(take);
    #[cfg(not(windows))]
    // SAFETY: only Windows' debugging library needs synchronization.
    unsafe {
        backtrace::trace_unsynchronized(take);
    };
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names of the functions on this stack, innermost first.
    #[inline(never)]
    fn names(walk: fn(&mut [u64]) -> Option<usize>) -> Vec<String> {
        let mut addresses = [0; MAX_DEPTH];
        let count = walk(&mut addresses).unwrap_or(0);
        let mut names = Vec::new();
        for address in &addresses[..count] {
            backtrace::resolve(std::ptr::without_provenance_mut(*address as usize), |symbol| {
                names.extend(symbol.name().map(|name| format!("{name:#}")));
            });
        }
        names
    }

    #[inline(never)]
    fn inner(walk: fn(&mut [u64]) -> Option<usize>) -> Vec<String> {
        black_box(names(walk))
    }

    #[inline(never)]
    fn outer(walk: fn(&mut [u64]) -> Option<usize>) -> Vec<String> {
        black_box(inner(walk))
    }

    fn shows_the_callers(names: &[String]) {
        let at = |wanted: &str| names.iter().position(|name| name.ends_with(wanted));
        let (inner, outer) = (at("tests::inner"), at("tests::outer"));
        assert!(inner.is_some() && inner < outer, "{names:#?}");
        let start = names.iter().position(|name| name.contains("__rust_begin_short_backtrace"));
        assert!(start.is_some() && outer < start, "the walk reaches the thread's start: {names:#?}");
    }

    #[test]
    fn the_slow_walk_finds_every_caller() {
        shows_the_callers(&outer(|addresses| Some(walk_slowly(addresses))));
    }

    #[test]
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    fn the_fast_walk_finds_what_the_slow_one_does() {
        walk::load();
        for _ in 0..2 {
            // The second time the rules come from the cache.
            let fast = outer(walk::walk);
            shows_the_callers(&fast);
            let slow = outer(|addresses| Some(walk_slowly(addresses)));
            let from = |names: &[String]| {
                let inner = names.iter().position(|name| name.ends_with("tests::inner")).unwrap_or(0);
                names[inner..].to_vec()
            };
            assert_eq!(from(&fast), from(&slow));
        }
        std::thread::spawn(|| shows_the_callers(&outer(walk::walk))).join().unwrap_or_default();
        walk::unload();
        assert_eq!(outer(walk::walk), Vec::<String>::new(), "nothing is walked without rules");
    }
}
