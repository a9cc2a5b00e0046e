//! CPU time spent inside the kernel. In an export this is the cost of the disk, not of the
//! exporter.
//!
//! It is counted in ticks of 10 ms, so it is only meaningful for work of at least several hundred
//! milliseconds.

use std::fs;
use std::time::Duration;

/// Returns the time of the process, including its ended threads; zero if the kernel does not report
/// it.
pub fn process() -> Duration {
    read("/proc/self/stat")
}

/// Returns the time of the calling thread.
pub fn thread() -> Duration {
    read("/proc/thread-self/stat")
}

/// Reads the field `stime` of proc_pid_stat(5). The second field is a name in parentheses, which
/// may contain any character.
fn read(stat: &str) -> Duration {
    const AFTER_NAME: usize = 12;
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string(stat).unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().nth(AFTER_NAME).and_then(|field| field.parse().ok());
    TICK * ticks.unwrap_or(0)
}
