//! CPU time spent inside the kernel, which in an export is the disk's share and not the exporter's.
//!
//! Counted in ticks of 10 ms, so it means something only for work of a good part of a second.

use std::fs;
use std::time::Duration;

/// Of the whole process, its ended threads included; zero where the kernel does not tell.
pub fn of_process() -> Duration {
    read("/proc/self/stat")
}

/// Of the calling thread.
pub fn of_thread() -> Duration {
    read("/proc/thread-self/stat")
}

/// Reads the field `stime` of proc_pid_stat(5). The second field is a name in parentheses that may
/// contain anything.
fn read(stat: &str) -> Duration {
    const AFTER_NAME: usize = 12;
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string(stat).unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().nth(AFTER_NAME).and_then(|field| field.parse().ok());
    TICK * ticks.unwrap_or(0)
}
