//! Walks the calling thread's stack: addresses only, no names, no lock, no allocation after a
//! thread's first walk.
//!
//! The system's unwinder takes a quarter of a microsecond a frame: it reads the unwinding rules of
//! every function again each time. On Linux [`walk`] works on a copy of these rules, and each
//! thread remembers the rule of each return address. Elsewhere, on a stack that is not the thread's
//! own (a coroutine's), and under Miri the system's unwinder is used.

use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use profiler_core::clock::cheapest;
use profiler_core::hooks::stack::{self, MAX_DEPTH};

use super::walk;

/// Picoseconds that one walk took here at the last measurement.
static COST: AtomicU64 = AtomicU64::new(0);
/// Number of walks that did not fit into the rest of their stack, or found no memory.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Prepares for a recording with stacks: reads the unwinding rules of all loaded code (about a
/// millisecond).
pub(crate) fn prepare() {
    walk::load();
    stack::capture_with(capture);
    measure();
}

/// Gives the rules back when the recording is over.
pub(crate) fn release() {
    walk::unload();
}

/// Returns the nanoseconds that a stack cost its range in the last recording, measured on the
/// thread that started it.
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

/// Captures a stack: see [`stack::Capture`].
#[inline(never)]
fn capture(addresses: &mut [u64; MAX_DEPTH]) -> usize {
    if !walk::fits() {
        // ORDERING: a statistic.
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return 0;
    }
    let count = walk::walk(addresses).unwrap_or_else(|| walk_slowly(addresses));
    if count == 0 {
        // ORDERING: as above.
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
    }
    count
}

/// Returns how many call stacks were left out since the last call, because too little was left of
/// the stack to walk it, or for want of memory.
pub(crate) fn left_out() -> u64 {
    // ORDERING: a statistic.
    LEFT_OUT.swap(0, Ordering::Relaxed)
}

#[cold]
#[inline(never)]
fn walk_slowly(addresses: &mut [u64]) -> usize {
    let mut count = 0;
    // The unwinder's own functions lie below this one, under any name.
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
    // SAFETY: only Windows' debugging library must not be called by two threads at once.
    unsafe {
        backtrace::trace_unsynchronized(take);
    };
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the functions on the stack here, innermost first.
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
        assert!(start.is_some() && outer < start, "the walk comes to the thread's start: {names:#?}");
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
