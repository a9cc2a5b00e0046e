//! A thousand sessions in one process: none leaves memory behind, and each has its files.

#![allow(clippy::print_stdout)]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use profiler_runtime::job::{Controller, LocalController, Selection};
use profiler_runtime::{ProfilerConfig, configure, stage, step};
use profiler_tests::{child_of, in_child, succeeded};

const CYCLES: usize = 1_000;
/// Number of sessions after which everything that is allocated once is there.
const SETTLED: usize = 200;
/// Growth that the allocator's own fluctuation may cause, in KiB.
const MOST_GROWTH: usize = 6 << 10;

fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let folder = std::env::var("FOLDER").unwrap();
    configure(ProfilerConfig::torch(&folder)).unwrap();
    let (controller, everything) = (LocalController::new(), Selection::default());
    let (mut settled, mut names) = (0, HashSet::new());
    for cycle in 0..CYCLES {
        let started = controller.start(&everything).unwrap();
        {
            let _step = step!("denoise_step");
            let _stage = stage!("work");
        }
        let report = controller.stop(&everything, Duration::from_secs(60)).unwrap();
        assert!(report.is_complete() && report.session == started.session, "{report:?}");
        assert!(names.insert(report.session));
        for artifact in &report.workers[0].artifacts {
            let path = Path::new(&folder).join(&started.session).join(&artifact.name);
            assert_eq!(fs::metadata(&path).unwrap().len(), artifact.bytes, "{}", path.display());
        }
        assert!(report.workers[0].artifacts.len() >= 5);
        // Removed, because thousands of files and folders would only slow the test down.
        fs::remove_dir_all(report.folder.unwrap()).unwrap();
        if cycle == SETTLED {
            settled = resident_kib();
        }
    }
    println!("\nresident {settled} {} threads {}", resident_kib(), threads());
}

#[test]
fn a_thousand_sessions_leave_nothing_in_memory() {
    // In memory if possible: ten thousand flushes to a disk take minutes and show nothing more.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let printed = String::from_utf8(succeeded(child_of("program").env("FOLDER", folder.path())).stdout).unwrap();
    let line = printed.lines().find_map(|line| line.strip_prefix("resident ")).unwrap();
    let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [settled, end, threads] = numbers[..] else { panic!("{line}") };
    println!("{settled} KiB after {SETTLED} sessions, {end} KiB after {CYCLES}");
    assert!(end <= settled + MOST_GROWTH, "{settled} KiB after {SETTLED} sessions, {end} KiB after {CYCLES}");
    assert!(threads < 10, "{threads} threads");
}
