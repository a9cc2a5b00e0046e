//! Describes this host: its name, the process's executable, and its clocks.
//!
//! The clocks are the identity of the monotonic one and the accuracy of the real-time one: traces
//! of several hosts are merged by these facts.

use profiler_trace::records::host_clock::HostClock;

/// Returns the state of this host's clocks. Reads two files, so it is not for the hot path.
pub(crate) fn clock() -> HostClock {
    HostClock { id: clock_id(), real_time_error_ns: real_time_error_ns() }
}

/// Returns the boot id and the time namespace, because each namespace has its own monotonic clock.
/// `None` outside Linux, where no boot id exists.
fn clock_id() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/time").unwrap_or_default();
    Some(format!("{} {}", boot.trim(), namespace.display()).trim_end().to_owned())
}

/// Returns the maximum error that the time daemon reported to the kernel.
#[cfg(target_os = "linux")]
fn real_time_error_ns() -> Option<u64> {
    // SAFETY: the struct consists of integers, for which zero is a valid value.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call, which only reads the clock's state because `modes`
    // is zero.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    let synchronised = (0..libc::TIME_ERROR).contains(&state) && clock.status & libc::STA_UNSYNC == 0;
    // `maxerror` is in microseconds.
    u64::try_from(clock.maxerror).ok().filter(|_| synchronised).map(|error| error.saturating_mul(1_000))
}

#[cfg(not(target_os = "linux"))]
fn real_time_error_ns() -> Option<u64> {
    None
}

/// Returns the name of the executable without its folder; empty if the system does not report it.
pub(crate) fn process_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the name of the host; empty if the system does not report it.
pub(crate) fn name() -> String {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_environment = || ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    from_kernel.or_else(from_environment).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "asks the kernel")]
    fn a_host_keeps_its_name() {
        assert_eq!(clock().id, clock().id);
        assert_eq!(clock().id.is_some(), cfg!(target_os = "linux"));
    }
}
