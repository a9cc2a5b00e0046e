//! The system's answers about a host's clocks: the name of the monotonic one, and how well the
//! real-time one is kept.

use profiler_trace::records::host_clock::HostClock;

/// Returns this host's clocks, now. Reads two files: not for the hot path.
pub(crate) fn now() -> HostClock {
    HostClock { id: id(), real_time_error_ns: real_time_error_ns() }
}

/// Returns the boot, which only Linux reports, and, because each has a monotonic clock of its own,
/// the time namespace.
fn id() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/time").unwrap_or_default();
    Some(format!("{} {}", boot.trim(), namespace.display()).trim_end().to_owned())
}

/// Returns the error that the time daemon reported to the kernel.
#[cfg(target_os = "linux")]
fn real_time_error_ns() -> Option<u64> {
    // SAFETY: the struct is plain numbers, for which zero is a value.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call, which only reads the clock's state because `modes`
    // is zero.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    let synchronised = (0..libc::TIME_ERROR).contains(&state) && clock.status & libc::STA_UNSYNC == 0;
    // Converts microseconds.
    u64::try_from(clock.maxerror).ok().filter(|_| synchronised).map(|error| error.saturating_mul(1_000))
}

#[cfg(not(target_os = "linux"))]
fn real_time_error_ns() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "asks the kernel")]
    fn a_host_keeps_its_name() {
        assert_eq!(now().id, now().id);
        assert_eq!(now().id.is_some(), cfg!(target_os = "linux"));
    }
}
