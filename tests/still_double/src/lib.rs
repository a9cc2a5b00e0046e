//! A preloaded library (`LD_PRELOAD`) that replaces the results of libc that differ between two
//! runs, so that a program's output is the same to the byte.
//!
//! Clocks stand still until the program calls [`still_pass`](time::still_pass), so that the number
//! of reads does not matter. The processor's counter, which cannot be stopped, is trapped. The
//! process has the id `STILL_PID` (4242), and its threads the ids after it, as
//! [`still_thread`](threads::still_thread) numbers them. Time begins `STILL_AT` nanoseconds after
//! midnight of 2026-01-01. Host, boot and time namespace have fixed names. Shares no code with the
//! profiler.
//!
//! The system provides the rest: processors, addresses, files, and the CPU time of threads.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

pub mod files;
mod raw;
pub mod threads;
pub mod time;

use std::ffi::c_int;

/// Reads a number from an environment variable.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Traps the counter before `main`, for the first thread and so for all.
#[used]
#[unsafe(link_section = ".init_array")]
static TRAP: extern "C" fn(c_int, usize, usize) = trap;

extern "C" fn trap(_: c_int, _: usize, _: usize) {
    // SAFETY: the function takes only numbers.
    unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV) };
}
