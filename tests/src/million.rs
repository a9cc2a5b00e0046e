//! Records a million ranges and measures the memory that their export takes.

use std::fs;

use profiler_runtime::artifacts::Manifest;
use profiler_runtime::{ExportHandle, op, stage, stop_profile};

/// Records a million ranges in the active session, stops it and calls `wait` for its artifacts.
/// Returns the manifest, and the bytes by which the process's peak memory has grown since the
/// recording.
pub fn million_ranges(wait: impl FnOnce(ExportHandle) -> Manifest) -> (Manifest, usize) {
    for _ in 0..1000 {
        let _outer = stage!("outer");
        for _ in 0..999 {
            let _inner = op!("inner");
        }
    }
    let recorded = peak_bytes();
    let manifest = wait(stop_profile().unwrap());
    (manifest, peak_bytes() - recorded)
}

fn peak_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
