//! Clocks: raw ticks for the hot path, converted to nanoseconds only after the session.
//!
//! Reading the ticks takes one instruction on x86-64 with an invariant TSC and on AArch64.
//! Elsewhere ticks are nanoseconds of the monotonic clock, read out of line (the gate's
//! `SLOW_CLOCK` bit). There is no calibration loop: an [`Anchor`] reads the ticks, the monotonic
//! and the real-time clock together, and two anchors give the rate (`model::time`).

#[cfg(not(target_os = "linux"))]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One moment, read on three clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Raw ticks.
    pub ticks: u64,
    /// Nanoseconds of the monotonic clock: on Linux since boot and common to all processes of the
    /// host, elsewhere since the process's first reading.
    pub monotonic_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Maximum distance between the three readings, in ticks.
    pub uncertainty_ticks: u64,
    /// Nanoseconds that the host has been suspended since boot, during which the monotonic clock
    /// stood still; 0 where the system does not report it.
    pub asleep_ns: u64,
}

/// Returns the current ticks if [`is_fast`]; 0 on other architectures.
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
        // SAFETY: the virtual counter is readable from user space on every AArch64 system that
        // Rust's std supports; it touches no memory.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        ticks
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    {
        0
    }
}

/// Returns the current ticks of the clock chosen for this machine.
pub fn ticks() -> u64 {
    if is_fast() { fast_ticks() } else { monotonic_ns() }
}

/// Clock that ticks are read from: 0 before the choice, then [`SLOW`] or [`FAST`].
static CHOSEN: AtomicU8 = AtomicU8::new(0);
const SLOW: u8 = 1;
const FAST: u8 = 2;

/// Returns whether [`fast_ticks`] is usable on this machine.
pub(crate) fn is_fast() -> bool {
    // ORDERING: a setting, which changes only while nothing is recorded.
    match CHOSEN.load(Ordering::Relaxed) {
        0 => choose(),
        chosen => chosen == FAST,
    }
}

/// Chooses the clock, by asking the system whether [`fast_ticks`] is usable. Called before each
/// recording, because the system may stop trusting the counter. Reads two files.
pub fn choose() -> bool {
    let is_fast = invariant_counter();
    // ORDERING: as above.
    CHOSEN.store(if is_fast { FAST } else { SLOW }, Ordering::Relaxed);
    is_fast
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn invariant_counter() -> bool {
    use core::arch::x86_64::__cpuid;
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    #[allow(unused_unsafe, reason = "safe since Rust 1.94, but unsafe in the minimum supported version")]
    // SAFETY: every x86-64 processor has the `cpuid` instruction; it touches no memory.
    let (highest, power) = unsafe { (__cpuid(0x8000_0000).eax, __cpuid(POWER_MANAGEMENT).edx) };
    let invariant = highest >= POWER_MANAGEMENT && power & (1 << 8) != 0;
    invariant && !is_trapped() && !kernel_distrusts_the_tsc()
}

/// Returns whether Linux has stopped using the TSC, as it does at boot or later when the
/// processors' TSCs disagree.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn kernel_distrusts_the_tsc() -> bool {
    let read = |what: &str| {
        std::fs::read_to_string(format!("/sys/devices/system/clocksource/clocksource0/{what}_clocksource"))
    };
    let (Ok(available), Ok(current)) = (read("available"), read("current")) else { return false };
    is_given_up(&available, current.trim())
}

/// Returns whether none of the available clock sources uses the TSC, or the current one is slow.
/// The clock sources of virtual machines use the TSC.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn is_given_up(available: &str, current: &str) -> bool {
    let none = !available.contains("tsc") && !available.contains("hyperv");
    none || ["acpi_pm", "hpet", "jiffies", "pit", "refined-jiffies"].contains(&current)
}

/// Returns whether reading the TSC faults on this thread. `prctl(PR_SET_TSC)` causes that for a
/// thread and its descendants.
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn is_trapped() -> bool {
    let mut mode: libc::c_int = libc::PR_TSC_ENABLE;
    // SAFETY: the kernel writes one integer through a valid pointer.
    let known = unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut mode) } == 0;
    known && mode == libc::PR_TSC_SIGSEGV
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux"), not(miri)))]
fn is_trapped() -> bool {
    false
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
    system_ns(libc::CLOCK_MONOTONIC)
}

/// Returns the nanoseconds since boot, including the time that the host was suspended.
#[cfg(target_os = "linux")]
fn boot_ns() -> u64 {
    system_ns(libc::CLOCK_BOOTTIME)
}

#[cfg(not(target_os = "linux"))]
fn boot_ns() -> u64 {
    0
}

/// Returns the CPU time of the calling thread, in nanoseconds.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) fn thread_ns() -> u64 {
    system_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns 0; never called, because the configuration rejects CPU time on this system.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn thread_ns() -> u64 {
    0
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn system_ns(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec` through a valid pointer; every caller passes a clock
    // that its system has.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    // CAST: these clocks are never negative, and 2^64 ns are 584 years.
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

#[cfg(not(target_os = "linux"))]
fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // CAST: 2^64 ns are 584 years.
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Returns the nanoseconds of one operation, given a `round` of `times` operations. Takes the
/// minimum of a few rounds, because the system may interrupt the others.
pub fn cheapest(times: usize, mut round: impl FnMut()) -> f64 {
    /// Number of rounds.
    const ROUNDS: usize = 4;
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed().as_nanos()
    });
    rounds.min().unwrap_or_default() as f64 / times as f64
}

impl Anchor {
    /// Reads the three clocks eight times and returns the reading with the smallest uncertainty.
    pub fn now() -> Self {
        let mut best = Self::read();
        for _ in 0..7 {
            let next = Self::read();
            if next.uncertainty_ticks < best.uncertainty_ticks {
                best = next;
            }
        }
        Self { asleep_ns: boot_ns().saturating_sub(monotonic_ns()), ..best }
    }

    fn read() -> Self {
        let before = ticks();
        let monotonic_ns = monotonic_ns();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = ticks();
        let uncertainty_ticks = after.saturating_sub(before);
        // CAST: 2^64 ns after 1970 is the year 2554.
        Self {
            ticks: before + uncertainty_ticks / 2,
            monotonic_ns,
            unix_ns: unix.as_nanos() as u64,
            uncertainty_ticks,
            asleep_ns: 0,
        }
    }

    /// Returns the process's first anchor on the current tick clock. Together with a later anchor
    /// it gives the rate; the anchors of a short recording alone are too close together.
    pub fn of_process() -> Self {
        static FIRST: Mutex<Option<(bool, Anchor)>> = Mutex::new(None);
        let (is_fast, mut first) = (is_fast(), FIRST.lock().unwrap_or_else(PoisonError::into_inner));
        match *first {
            Some((clock, anchor)) if clock == is_fast => anchor,
            _ => first.insert((is_fast, Self::now())).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B12: the kernel may fall back to another clock at any time.
    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn a_counter_that_the_kernel_gave_up_is_no_clock() {
        for (available, current, is_given_up) in [
            ("tsc kvm-clock ", "tsc", false),
            ("kvm-clock tsc", "kvm-clock", false),
            ("hyperv_clocksource_tsc_page acpi_pm", "hyperv_clocksource_tsc_page", false),
            ("hpet acpi_pm", "hpet", true),
            ("tsc hpet acpi_pm", "hpet", true),
            ("jiffies", "jiffies", true),
        ] {
            assert_eq!(super::is_given_up(available, current), is_given_up, "{available} {current}");
        }
    }

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
