//! Time as the hot path reads it: raw ticks, turned into nanoseconds only when a session is over.
//!
//! On x86-64 with an invariant TSC and on AArch64 a tick is one instruction; elsewhere it is a nanosecond of
//! the monotonic clock, read out of line (the gate's `SLOW_CLOCK` bit). Nothing is calibrated by spinning: every [`Anchor`]
//! reads ticks, the monotonic and the real-time clock together, and two anchors give the rate (`model::time`).

use std::sync::OnceLock;
#[cfg(not(target_os = "linux"))]
use std::time::Instant;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// One moment on three clocks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Anchor {
    /// Raw ticks.
    pub(crate) ticks: u64,
    /// Nanoseconds of the monotonic clock: on Linux since boot, the same for all processes of a host; elsewhere since the
    /// process's first reading.
    pub(crate) monotonic_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub(crate) unix_ns: u64,
    /// How far the three readings may lie apart, in ticks.
    pub(crate) uncertainty_ticks: u64,
}

/// Ticks now, if [`is_fast`]; 0 elsewhere.
#[inline(always)]
pub(crate) fn fast_ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: `rdtsc` exists on every x86-64 processor and touches no memory.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        let ticks: u64;
        // SAFETY: the virtual counter is readable from user space on every AArch64 system that Rust's std supports; it
        // touches no memory.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        ticks
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    {
        0
    }
}

/// Ticks now, on whichever clock this machine has.
pub(crate) fn ticks() -> u64 {
    if is_fast() { fast_ticks() } else { monotonic_ns() }
}

/// Whether [`fast_ticks`] is a clock here: asked once.
pub(crate) fn is_fast() -> bool {
    static FAST: OnceLock<bool> = OnceLock::new();
    *FAST.get_or_init(invariant_counter)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn invariant_counter() -> bool {
    use core::arch::x86_64::__cpuid;
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    #[allow(unused_unsafe, reason = "safe to call since Rust 1.94, unsafe in the oldest that we support")]
    // SAFETY: every x86-64 processor has the `cpuid` instruction; it touches no memory.
    let (highest, power) = unsafe { (__cpuid(0x8000_0000).eax, __cpuid(POWER_MANAGEMENT).edx) };
    let invariant = highest >= POWER_MANAGEMENT && power & (1 << 8) != 0;
    invariant && !kernel_distrusts_the_tsc()
}

/// Linux measures whether the processors' TSCs agree and falls back to another clock where they do not.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn kernel_distrusts_the_tsc() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/available_clocksource")
        .is_ok_and(|available| !available.contains("tsc") && !available.contains("hyperv"))
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
fn invariant_counter() -> bool {
    true
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn invariant_counter() -> bool {
    false
}

#[cfg(target_os = "linux")]
fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, to which the pointer is valid; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // CAST: time since boot is not negative; 2^64 ns are 584 years.
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

#[cfg(not(target_os = "linux"))]
fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // CAST: 2^64 ns are 584 years.
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

impl Anchor {
    /// Reads the three clocks, the best of a few tries: the one with the narrowest bracket of ticks around it.
    pub(crate) fn now() -> Self {
        let mut best = Self::read();
        for _ in 0..7 {
            let next = Self::read();
            if next.uncertainty_ticks < best.uncertainty_ticks {
                best = next;
            }
        }
        best
    }

    fn read() -> Self {
        let before = ticks();
        let monotonic_ns = monotonic_ns();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = ticks();
        let uncertainty_ticks = after.saturating_sub(before);
        // CAST: 2^64 ns after 1970 is the year 2554.
        Self { ticks: before + uncertainty_ticks / 2, monotonic_ns, unix_ns: unix.as_nanos() as u64, uncertainty_ticks }
    }

    /// The first anchor of the process: the longer the time between two anchors, the better the rate.
    pub(crate) fn of_process() -> Self {
        static FIRST: OnceLock<Anchor> = OnceLock::new();
        *FIRST.get_or_init(Self::now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_move_forward_on_all_clocks() {
        let first = Anchor::of_process();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = Anchor::now();
        assert!(second.ticks > first.ticks);
        assert!(second.monotonic_ns >= first.monotonic_ns + 1_000_000);
        assert!(second.unix_ns > first.unix_ns);
    }
}
