//! How much memory this process has, and how much it had at most, as the kernel counts it.

use std::fs;

/// Resident memory now, in bytes; 0 where the kernel does not tell.
pub fn resident() -> u64 {
    field("VmRSS:")
}

/// Highest resident memory since the last [`forget_peak`], in bytes; 0 where the kernel does not
/// tell.
pub fn peak() -> u64 {
    field("VmHWM:")
}

/// Makes the present the start of [`peak`]. Where the kernel refuses, the peak is that of the whole
/// process.
pub fn forget_peak() {
    // Documented in proc_pid_clear_refs(5): 5 resets the high-water mark.
    let _unsupported = fs::write("/proc/self/clear_refs", "5");
}

fn field(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
