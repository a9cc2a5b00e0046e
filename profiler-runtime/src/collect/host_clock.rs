//! Whose clocks an [`Anchor`](super::Anchor) reads: what tells a merge of several ranks whether their times can be
//! compared, and how well.
//!
//! Processes of one host read one monotonic clock, so their times differ by nothing but the reading. Between hosts only
//! real time is common, and how far that is off is what the kernel says of its synchronisation, if it says anything.

use serde::{Deserialize, Serialize};

/// A host's clocks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct HostClock {
    /// The same for all processes that read the same monotonic clock; `None` where the system has no name for it.
    pub(crate) id: Option<String>,
    /// Bound of the real-time clock's error; `None` if nothing keeps it synchronised, or the system does not tell.
    pub(crate) real_time_error_ns: Option<u64>,
}

impl HostClock {
    /// This host's, now. Reads two files: not for the hot path.
    pub(crate) fn now() -> Self {
        Self { id: id(), real_time_error_ns: real_time_error_ns() }
    }
}

/// The boot and, because each has a monotonic clock of its own, the time namespace.
#[cfg(target_os = "linux")]
fn id() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/time").unwrap_or_default();
    Some(format!("{} {}", boot.trim(), namespace.display()).trim_end().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn id() -> Option<String> {
    None
}

/// What the time daemon told the kernel.
#[cfg(target_os = "linux")]
fn real_time_error_ns() -> Option<u64> {
    // SAFETY: the struct is plain numbers, for which zero is a value.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call, which only reads the clock's state because `modes` is zero.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    let synchronised = (0..libc::TIME_ERROR).contains(&state) && clock.status & libc::STA_UNSYNC == 0;
    // Microseconds.
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
        assert_eq!(HostClock::now().id, HostClock::now().id);
        assert_eq!(HostClock::now().id.is_some(), cfg!(target_os = "linux"));
    }
}
