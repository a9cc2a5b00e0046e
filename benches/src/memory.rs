//! Resident memory of this process and its peak, as the kernel reports them.

use std::fs;

/// Returns the resident memory in bytes; 0 if the kernel does not report it.
pub fn resident() -> u64 {
    field("VmRSS:")
}

/// Returns the peak of resident memory since the last [`reset_peak`] in bytes; 0 if the kernel does
/// not report it.
pub fn peak() -> u64 {
    field("VmHWM:")
}

/// Restarts the measurement of [`peak`]. If the kernel refuses, the peak remains that of the whole
/// process.
pub fn reset_peak() {
    // Documented in proc_pid_clear_refs(5): 5 resets the high-water mark.
    let _unsupported = fs::write("/proc/self/clear_refs", "5");
}

fn field(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
