//! Spools whose file fails: the recording loses the ranges that do not fit, and the host lives.
//! Faults at other addresses reach the host, as they would without a spool.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profiler_runtime::artifacts::Manifest;
use profiler_runtime::{ProfilerConfig, profiled_op, start_profile_with, stop_profile};
use profiler_tests::processes::{self, Ended};
use profiler_tests::{Bench, child_of, in_child, manifest, succeeded};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {}

fn folder() -> PathBuf {
    std::env::var_os("FOLDER").unwrap().into()
}

/// Returns the configuration of a session with a spool in this folder.
fn spooled(folder: PathBuf, write_on_crash: bool) -> ProfilerConfig {
    let mut config = ProfilerConfig::torch(folder).spool(true);
    config.write_on_crash = write_on_crash;
    config
}

fn child(name: &str, folder: &Path) -> Command {
    let mut child = child_of(name);
    child.env("FOLDER", folder);
    child
}

/// Records before and after the file is truncated.
fn recording_cut_off() -> Manifest {
    let folder = folder().join("cut off");
    start_profile_with(ProfilerConfig::torch(&folder).spool(true)).unwrap();
    (0..5_000).for_each(|_| leaf());
    let entries = profiler_tests::spool::only_folder(&folder).join(".spool_rank0.entries");
    File::options().write(true).open(entries).unwrap().set_len(0).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..20_000).for_each(|_| leaf()));
        }
    });
    (0..20_000).for_each(|_| leaf());
    stop_profile().unwrap().wait().unwrap()
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn records_into_a_file_that_is_cut_off() {
    if !in_child() {
        return;
    }
    let manifest = recording_cut_off();
    assert_eq!(manifest.errors, [""; 0]);
    let told = manifest.warnings.iter().find(|told| told.starts_with("the spool could not grow")).expect("is told");
    assert!(told.contains(" pages of it were lost"), "{told}");
    assert!(manifest.ranges_lost > 50_000, "what found no room is counted: {}", manifest.ranges_lost);
    // The next session has a new spool.
    start_profile_with(ProfilerConfig::torch(folder()).spool(true)).unwrap();
    (0..5_000).for_each(|_| leaf());
    let manifest = stop_profile().unwrap().wait().unwrap();
    assert!(manifest.warnings.is_empty() && manifest.ranges_lost == 0, "{:?}", manifest.warnings);
}

/// G5: if somebody truncates the spool's file, only its recording ends, which counts and reports
/// the loss.
#[test]
fn a_spool_that_is_cut_off_costs_its_recording_only() {
    let bench = Bench::of_children();
    succeeded(&mut child("records_into_a_file_that_is_cut_off", bench.path()));
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn records_where_no_range_fits() {
    if !in_child() {
        return;
    }
    start_profile_with(ProfilerConfig::torch(folder()).spool(true)).unwrap();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is initialised.
    let set = |limit: &libc::rlimit| assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, limit) }, 0);
    // SAFETY: `limit` is valid for writes.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) }, 0);
    set(&libc::rlimit { rlim_cur: 4096, ..limit });
    (0..100).for_each(|_| leaf());
    set(&limit);
    let manifest = stop_profile().unwrap().wait().unwrap();
    assert_eq!(manifest.ranges_lost, 100);
    assert!(manifest.warnings.iter().all(|told| !told.starts_with("nothing was recorded")), "{:?}", manifest.warnings);
}

/// G5: a recording that found no room for any range does not claim that nothing ran.
#[test]
fn a_recording_without_room_is_not_called_empty() {
    let bench = Bench::of_children();
    succeeded(&mut child("records_where_no_range_fits", bench.path()));
}

/// Closes the spool's descriptors, and opens files of the host under their numbers.
fn files_instead_of_ours(path: &Path) -> Vec<File> {
    for number in 3..1024 {
        // SAFETY: unsound for the owners of these descriptors, which is what the test is about.
        unsafe { libc::close(number) };
    }
    (0..64).map(|_| File::options().append(true).create(true).open(path).unwrap()).collect()
}

fn are_open(files: &[File]) -> bool {
    // SAFETY: the call only asks for flags.
    files.iter().all(|file| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) } >= 0)
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn records_after_closing_all_descriptors() {
    if !in_child() {
        return;
    }
    start_profile_with(ProfilerConfig::torch(folder().join("sessions")).spool(true)).unwrap();
    (0..5_000).for_each(|_| leaf());
    let path = folder().join("host.log");
    let files = files_instead_of_ours(&path);
    // Records more than one slab of the spool holds, on a thread and with a name that its journal
    // does not know.
    thread::spawn(|| (0..200_000).for_each(|_| leaf())).join().unwrap();
    drop(profiler_runtime::op("a name at run time"));
    let child = processes::fork();
    if child == 0 {
        let status = i32::from(!are_open(&files));
        // SAFETY: the call only ends this process.
        unsafe { libc::_exit(status) }
    }
    assert_eq!(processes::wait_for_child(child), Ended::Exit(0), "a child closes no file of the host's");
    let manifest = stop_profile().unwrap().wait().unwrap();
    assert_eq!(manifest.errors, [""; 0]);
    assert!(manifest.warnings.iter().any(|told| told.contains("has closed its file")), "{:?}", manifest.warnings);
    assert!(are_open(&files), "the host's files are the host's to close");
    assert_eq!(std::fs::metadata(path).unwrap().len(), 0, "nothing is written into them, and none is made longer");
}

/// G5: a host that closes every descriptor, as daemons do, loses a part of its recording, and
/// nothing of its own files.
#[test]
fn a_host_that_closes_all_descriptors_keeps_its_files() {
    let bench = Bench::of_children();
    succeeded(&mut child("records_after_closing_all_descriptors", bench.path()));
}

/// Returns a page of a file that is shorter than its mapping: touching the page is a fault.
fn page_beyond_the_end() -> *mut u8 {
    let file = tempfile::tempfile().unwrap();
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: the kernel chooses the address of the new mapping.
    let page = unsafe { libc::mmap(ptr::null_mut(), 4096, access, kind, file.as_raw_fd(), 0) };
    assert_ne!(page, libc::MAP_FAILED);
    page.cast()
}

static HANDLED: AtomicUsize = AtomicUsize::new(0);

/// Handles a fault of the host: maps a page at the address, so that the host goes on.
extern "C" fn on_fault(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
    // SAFETY: the page is in the mapping of `page_beyond_the_end`.
    unsafe {
        let page = (*info).si_addr() as usize & !4095;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        libc::mmap(ptr::without_provenance_mut(page), 4096, libc::PROT_READ | libc::PROT_WRITE, kind, -1, 0);
    }
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn has_a_handler_of_its_own() {
    if !in_child() {
        return;
    }
    // SAFETY: the handler has the signature that SA_SIGINFO requires.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()), 0);
    }
    start_profile_with(spooled(folder(), false)).unwrap();
    for faults in 1..4 {
        // SAFETY: the handler maps a page there.
        unsafe { page_beyond_the_end().write_volatile(1) };
        assert_eq!(HANDLED.load(Ordering::SeqCst), faults);
        leaf();
    }
    stop_profile().unwrap().wait().unwrap();
    assert!(!recording_cut_off().warnings.is_empty());
    assert_eq!(HANDLED.load(Ordering::SeqCst), 3, "a fault of the spool's is not the host's");
}

/// G5: a host that handles its own faults goes on to do so.
#[test]
fn the_hosts_own_handler_gets_its_faults() {
    let bench = Bench::of_children();
    succeeded(&mut child("has_a_handler_of_its_own", bench.path()));
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn faults_elsewhere() {
    if !in_child() {
        return;
    }
    let writes = std::env::var("WRITES").unwrap() == "true";
    // Both orders in which the handlers can be installed are tested.
    start_profile_with(spooled(folder().join("first"), !writes)).unwrap();
    stop_profile().unwrap().wait().unwrap();
    start_profile_with(spooled(folder().join("second"), writes)).unwrap();
    (0..100).for_each(|_| leaf());
    // SAFETY: unsound on purpose: the fault ends the process.
    unsafe { page_beyond_the_end().write_volatile(1) };
}

/// G5: a fault at another address crashes the host as before: artifacts are written if the
/// configuration says so, and the signal ends the host.
#[test]
fn a_fault_elsewhere_is_a_crash_as_before() {
    for writes in [true, false] {
        let bench = Bench::alone_in_memory();
        let status = child("faults_elsewhere", bench.path()).env("WRITES", writes.to_string()).status().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
        let folder = profiler_tests::spool::only_folder(&bench.path().join("second"));
        assert_eq!(folder.join("manifest_rank0.json").exists(), writes);
        if writes {
            assert_eq!(manifest(&folder)["ended_by"], "crash");
        } else {
            profiler_tests::spool::recovered(&bench.path().join("second"));
        }
    }
}
