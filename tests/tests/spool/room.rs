//! Limits of a spool: the room on the disk, its configured size, and a forked child, which writes
//! nothing.

use std::process::{Command, Stdio};

use profiler_runtime::{profiled_op, stage, start_profile_with, stop_profile};
use profiler_tests::spool::{config, only_folder, run, with_spool};
use profiler_tests::{Bench, Trace, child_of, in_child, manifest};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {}

/// Records more ranges than there is room for.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn fills() {
    if !in_child() {
        return;
    }
    start_profile_with(config()).unwrap();
    (0..200_000).for_each(|_| leaf());
    stop_profile().unwrap().wait().unwrap();
}

#[test]
fn a_disk_without_room_costs_only_counted_ranges() {
    let bench = Bench::of_children();
    let mut config = with_spool(&bench);
    config["torch_profiler_use_gzip"] = true.into();
    let child = child_of("fills");
    // Limits files to 8192 blocks of 512 bytes. A write beyond that raises a signal, which would
    // end the process.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 8192; exec \"$0\" \"$@\""]).arg(child.get_program()).args(child.get_args());
    for (name, value) in child.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let status = limited.env("CONFIG", config.to_string()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
    let manifest = manifest(&only_folder(bench.path()));
    let missing = manifest["losses"]["missing"].as_u64().unwrap();
    assert_eq!(manifest["ranges"].as_u64().unwrap() + missing, 200_000);
    assert!(missing > 0);
    let warnings = manifest["warnings"].to_string();
    assert!(warnings.contains("the spool could not grow"), "{warnings}");
}

#[test]
fn a_spool_has_a_size_that_it_keeps() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().spool(true).max_spool_mb(2), || (0..100_000).for_each(|_| leaf()));
    let (shown, missing) = (trace.count("leaf") as u64, trace.losses("missing"));
    assert_eq!(shown + missing, 100_000);
    assert!((31 * 2048..=32 * 2048).contains(&shown), "2 MiB are 31 chunks, {shown} ranges are shown");
}

/// Forks while it records, so that the child shares the file.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn forks() {
    if !in_child() {
        return;
    }
    start_profile_with(config()).unwrap();
    (0..100).for_each(|_| leaf());
    // SAFETY: the child only tries to record, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        (0..10_000).for_each(|_| drop(stage!("of the child")));
        // SAFETY: the call only ends this process.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: the child is this process's own.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    (0..100).for_each(|_| leaf());
    stop_profile().unwrap().wait().unwrap();
}

#[test]
fn a_forked_child_does_not_write_into_its_parents_file() {
    let bench = Bench::of_children();
    assert_eq!(run("forks", "", &with_spool(&bench)), None);
    let trace = Trace::read(&only_folder(bench.path()));
    assert_eq!((trace.count("leaf"), trace.count("of the child"), trace.losses("unreadable")), (200, 0, 0));
}
