//! A libc in which everything that differs between two runs is the same, to be preloaded
//! (`LD_PRELOAD`): what a program writes is then the same to the byte.
//!
//! Clocks stand still until the program calls [`still_pass`](time::still_pass), so that it does not
//! matter how often they are read, and the processor's counter, which nobody can stop, is trapped.
//! The process has the id `STILL_PID` (4242), its threads those that follow, as
//! [`still_thread`](threads::still_thread) numbers them. Time begins `STILL_AT` nanoseconds after
//! midnight of 2026-01-01; host, boot and time namespace have made-up names. Shares no code with
//! the profiler.
//!
//! What is not here goes to the system: processors, addresses, files, and the CPU time of threads.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

pub mod files;
mod raw;
pub mod threads;
pub mod time;

use std::ffi::c_int;

/// A number in the environment.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Traps the counter before `main`: for the first thread, and with it for all.
#[used]
#[unsafe(link_section = ".init_array")]
static TRAP: extern "C" fn(c_int, usize, usize) = trap;

extern "C" fn trap(_: c_int, _: usize, _: usize) {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV) };
}
