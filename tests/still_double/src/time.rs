//! Clocks that show only the time that the program has added.

use std::ffi::{c_int, c_long};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::number;
use crate::raw::{call, raw};

/// Midnight of 2026-01-01.
const UNIX_SECONDS: u64 = 1_767_225_600;
/// Time since boot at that moment.
const BOOT_SECONDS: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;
/// Factor by which the system waits longer than the program requests: no time passes for the
/// program, so no wait of its background threads must end because this machine was slow.
const PATIENCE: u64 = 100;

/// Returns the nanoseconds that were added.
fn passed() -> &'static AtomicU64 {
    static PASSED: OnceLock<AtomicU64> = OnceLock::new();
    PASSED.get_or_init(|| AtomicU64::new(number("STILL_AT").unwrap_or(0)))
}

/// Advances the clocks by `ns` nanoseconds.
#[unsafe(no_mangle)]
pub extern "C" fn still_pass(ns: u64) {
    passed().fetch_add(ns, SeqCst);
}

fn since(seconds: u64) -> u64 {
    seconds * SECOND + passed().load(SeqCst)
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec { tv_sec: (ns / SECOND) as i64, tv_nsec: (ns % SECOND) as i64 }
}

fn nanoseconds(time: libc::timespec) -> u64 {
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, now: *mut libc::timespec) -> c_int {
    let ns = match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => since(UNIX_SECONDS),
        libc::CLOCK_PROCESS_CPUTIME_ID | libc::CLOCK_THREAD_CPUTIME_ID => {
            // SAFETY: the caller upholds the contract of the function.
            return unsafe { call(libc::SYS_clock_gettime, [clock.into(), now.addr() as c_long, 0, 0, 0, 0]) } as c_int;
        }
        _ => since(BOOT_SECONDS),
    };
    // SAFETY: the caller passes a valid pointer for it.
    unsafe { *now = timespec(ns) };
    0
}

/// Reads the kernel's bound for the error of real time, which is always a millisecond.
///
/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adjtimex(clock: *mut libc::timex) -> c_int {
    // SAFETY: the caller passes a valid pointer for it.
    let clock = unsafe { &mut *clock };
    (clock.status, clock.maxerror) = (0, 1_000);
    libc::TIME_OK
}

/// Waits as the standard library's locks do: until woken, or until a time of the clock above.
///
/// # Safety
/// The requirements of the system call.
pub(crate) unsafe fn futex(mut arguments: [c_long; 6]) -> c_long {
    let until = std::ptr::with_exposed_provenance::<libc::timespec>(arguments[3] as usize);
    let is_until = arguments[1] & 0x7f == c_long::from(libc::FUTEX_WAIT_BITSET);
    let later;
    if is_until && !until.is_null() {
        // SAFETY: the caller passes a time.
        later = timespec(real_time_of(unsafe { *until }));
        arguments[3] = (&raw const later).expose_provenance() as c_long;
    }
    // SAFETY: the caller upholds the contract of the function.
    unsafe { call(libc::SYS_futex, arguments) }
}

/// Returns the system's monotonic time that corresponds to a time of the clock above.
fn real_time_of(until: libc::timespec) -> u64 {
    let mut now = timespec(0);
    let place = (&raw mut now).expose_provenance() as c_long;
    // SAFETY: the pointer is to a local variable.
    unsafe { raw(libc::SYS_clock_gettime, [libc::CLOCK_MONOTONIC.into(), place, 0, 0, 0, 0]) };
    let left = nanoseconds(until).saturating_sub(since(BOOT_SECONDS)).min(1 << 48);
    nanoseconds(now) + left * PATIENCE
}
