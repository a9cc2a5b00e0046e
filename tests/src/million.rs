//! A million ranges, and how much memory it takes to write them.

use std::fs;

use profiler_runtime::artifacts::Manifest;
use profiler_runtime::{ExportHandle, op, stage, stop_profile};

/// Records a million ranges in the session that is active, stops it and lets `wait` wait for its
/// artifacts; by how many bytes the most memory that the process has had so far has grown
/// meanwhile.
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
