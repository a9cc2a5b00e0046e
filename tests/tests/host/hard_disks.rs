//! Disks, mounts and clocks that fail while artifacts are written: at worst an artifact is lost,
//! which is reported, and the host lives, with `panic = "abort"` too.

#![allow(clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::system_support::{What, abort_on_panic, child, set};
use calamine::{Reader, Xlsx, open_workbook};
use profiler_runtime::artifacts::{ArtifactKind, Manifest};
use profiler_runtime::memory::Device;
use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, op, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, in_child, succeeded};

fn folder() -> PathBuf {
    std::env::var_os("FOLDER").unwrap().into()
}

/// Returns the configuration of a session that writes everything possible without a GPU.
fn everything() -> ProfilerConfig {
    everything_in(&folder())
}

fn everything_in(folder: &Path) -> ProfilerConfig {
    ProfilerConfig::torch(folder)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_stack(true)
        .torch_profiler_with_memory(true)
        .trace_format(profiler_runtime::config::TraceFormat::Both)
        .perf_dump_path(folder.join("dump.json"))
}

/// Hostile names: control characters, text direction, markup, separators, and characters that XML
/// forbids.
const HOSTILE: [&str; 7] = [
    "\u{fffe}\u{ffff}",
    "\u{0}\u{1}\u{1b}[31m\u{7f}\u{85}",
    "\u{202e}\u{2066}",
    "\"'<![CDATA[]]>&--><b>",
    "_x0041_",
    ";|`*\n\r\t",
    "步\u{10ffff}",
];

fn session(config: ProfilerConfig, before_stop: impl FnOnce()) -> Manifest {
    start_profile_with(config).unwrap();
    for name in HOSTILE {
        let _stage = stage(name);
        let _op = op(name);
        profiler_runtime::memory::record_alloc(Device::Cpu, 1, 4096);
        thread::sleep(Duration::from_millis(1));
    }
    let _long = stage(&"x".repeat(10_240));
    thread::sleep(Duration::from_millis(1));
    drop(_long);
    before_stop();
    stop_profile().unwrap().wait().unwrap()
}

/// Asserts that only the workbook is missing, for this reason: its library would panic here, so it
/// is not called.
fn lacks_only_the_workbook(manifest: &Manifest, why: &str) {
    assert_eq!(manifest.errors.len(), 1, "{:?}", manifest.errors);
    assert!(manifest.errors[0].contains("ops_rank0.xlsx") && manifest.errors[0].contains(why), "{:?}", manifest.errors);
    assert!(manifest.artifact(ArtifactKind::Ops).is_none());
}

fn run(name: &str, bench: &Bench) {
    succeeded(child(name).env("FOLDER", bench.path()));
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn writes_before_1970() {
    if !in_child() {
        return;
    }
    abort_on_panic();
    set(What::RealTime, i64::MIN / 2);
    assert!(std::time::SystemTime::now() < std::time::UNIX_EPOCH);
    let manifest = session(everything(), || {});
    lacks_only_the_workbook(&manifest, "the machine's clock is before 1970");
}

/// C4: a clock before 1970 costs the workbook alone.
#[test]
fn a_clock_before_1970_costs_no_artifact() {
    run("writes_before_1970", &Bench::of_children());
}

/// Number of points at which the disk becomes full.
const PARTS: u64 = 25;

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn writes_to_a_full_disk() {
    if !in_child() {
        return;
    }
    abort_on_panic();
    // Naming addresses takes seconds, and the artifacts with stacks are written like the others.
    let config = || everything().torch_profiler_with_stack(false);
    let whole = session(config(), || {});
    assert_eq!(whole.errors, [""; 0]);
    let most: u64 = whole.artifacts.iter().map(|artifact| artifact.bytes).sum();
    let mut lost = 0;
    // In each session the disk becomes full at another point.
    for part in 0..PARTS {
        let manifest = session(config(), || set(What::Room, i64::try_from(most * part / PARTS).unwrap()));
        set(What::Room, -1);
        lost += manifest.errors.len();
        assert!(!manifest.errors.is_empty(), "part {part}");
        assert!(manifest.errors.iter().all(|error| error.contains("No space left")), "{:?}", manifest.errors);
    }
    assert!(lost > 2 * PARTS as usize, "{lost}");
    let left = fs::read_dir(folder())
        .unwrap()
        .flatten()
        .flat_map(|session| fs::read_dir(session.path()).into_iter().flatten());
    let hidden = left.flatten().filter(|file| file.file_name().to_string_lossy().ends_with(".tmp"));
    assert_eq!(hidden.count(), 0, "nothing half stays");
}

/// C4, G7: wherever the disk becomes full, artifacts that do not fit are errors, and nothing
/// panics.
#[test]
fn a_full_disk_costs_artifacts_and_never_the_host() {
    run("writes_to_a_full_disk", &Bench::alone_in_memory());
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn writes_without_threads() {
    if !in_child() {
        return;
    }
    abort_on_panic();
    let manifest = session(everything(), || set(What::Thread, libc::EAGAIN.into()));
    lacks_only_the_workbook(&manifest, "no threads for its sheets");
    // As after `ulimit -f`: the calling thread exceeds the limit, with the signal's default action.
    let limit = libc::rlimit { rlim_cur: 1 << 15, rlim_max: libc::RLIM_INFINITY };
    let manifest = session(everything(), || {
        (0..1_000).for_each(|_| drop(stage("short")));
        // SAFETY: the structure is valid.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    });
    let told = |error: &String| error.contains("File too large") || error.contains("ops_rank0.xlsx");
    assert!(manifest.errors.len() > 1 && manifest.errors.iter().all(told), "{:?}", manifest.errors);
    assert!(manifest.artifact(ArtifactKind::StacksCpu).is_some(), "what is small is there: {:?}", manifest.errors);
}

/// C3: if no thread can start, the calling thread writes, and a limit on file sizes is an error
/// there, too.
#[test]
fn a_limit_on_files_does_not_end_the_calling_thread() {
    run("writes_without_threads", &Bench::of_children());
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn writes_without_descriptors() {
    if !in_child() {
        return;
    }
    abort_on_panic();
    // Standard error is a pipe that nobody reads, so a message raises SIGPIPE, which ends programs.
    // SAFETY: the default action runs no handler, and the descriptors are this process's own.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut ends = [0; 2];
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        libc::close(ends[0]);
        libc::dup2(ends[1], 2);
    }
    let limit = libc::rlimit { rlim_cur: 3, rlim_max: 1024 };
    let manifest = session(everything(), || {
        // SAFETY: the structure is valid.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    });
    assert!(!manifest.errors.is_empty() && manifest.artifacts.is_empty());
    assert!(manifest.errors.iter().all(|error| error.contains("Too many open files")), "{:?}", manifest.errors);
}

/// C3: without descriptors, and with nobody to read the messages about that, artifacts are lost and
/// the host lives.
#[test]
fn a_process_without_descriptors_lives() {
    run("writes_without_descriptors", &Bench::of_children());
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn writes_where_nothing_can_be_renamed() {
    if !in_child() {
        return;
    }
    for (what, error) in [
        (What::Rename, libc::ENOSYS),
        (What::Rename, libc::EPERM),
        (What::Sync, libc::EINVAL),
        (What::Unlink, libc::ENOSYS),
    ] {
        set(what, error.into());
        let manifest = session(everything().torch_profiler_with_stack(false), || {});
        assert_eq!(manifest.errors, [""; 0], "{what:?}");
        let told: Vec<&String> =
            manifest.warnings.iter().filter(|warning| warning.contains("the file system of")).collect();
        assert_eq!(told.len(), usize::from(!matches!(what, What::Sync)), "{what:?}: {:?}", manifest.warnings);
        for artifact in &manifest.artifacts {
            let bytes = fs::read(&artifact.path).unwrap();
            let mut crc = flate2::Crc::new();
            crc.update(&bytes);
            assert_eq!((bytes.len() as u64, crc.sum()), (artifact.bytes, artifact.crc32), "{what:?}: {artifact:?}");
        }
        let spooled = session(everything().torch_profiler_with_stack(false).spool(true), || {});
        assert_eq!(spooled.errors, [""; 0], "{what:?}");
        set(what, 0);
        let recovered = recover(folder()).unwrap();
        assert!(recovered.sessions.is_empty() && recovered.failed.is_empty(), "{what:?}: {recovered:?}");
    }
}

/// B6: a mount without rename, unlink or fsync costs no artifact, and at most one warning.
#[test]
fn a_mount_without_rename_costs_no_artifact() {
    run("writes_where_nothing_can_be_renamed", &Bench::of_children());
}

/// C4: no value is too large, too small or too odd for a writer.
#[test]
fn odd_values_cost_no_artifact() {
    let bench = Bench::alone();
    start_profile_with(everything_in(bench.path()).torch_profiler_with_flops(true)).unwrap();
    let _stage = stage("");
    for bytes in [0, 1, u64::MAX / 2, u64::MAX] {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(u8::MAX)] {
            profiler_runtime::memory::record_alloc(device, bytes, bytes);
            profiler_runtime::memory::record_free(device, bytes, bytes);
            profiler_runtime::memory::record_free(device, 7, bytes);
        }
    }
    let _op = profiler_runtime::op!("odd", flops = u64::MAX);
    drop((_op, _stage));
    let manifest = stop_profile().unwrap().wait().unwrap();
    assert_eq!(manifest.errors, [""; 0]);
    // A session without ranges.
    start_profile_with(everything_in(bench.path())).unwrap();
    assert_eq!(stop_profile().unwrap().wait().unwrap().errors, [""; 0]);
}

/// C5: whatever a name holds, pictures and workbook are valid XML, and no part of a name becomes
/// markup.
#[test]
fn hostile_names_leave_every_artifact_readable() {
    let bench = Bench::alone();
    let manifest = session(everything_in(bench.path()), || {});
    assert_eq!(manifest.errors, [""; 0]);
    let is_xml =
        |letter: char| !matches!(letter, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    for kind in [ArtifactKind::FlameCpu, ArtifactKind::MemoryChart] {
        let text = fs::read_to_string(&manifest.artifact(kind).unwrap().path).unwrap();
        assert!(text.chars().all(is_xml), "{kind}");
        assert!(!text.contains("--><b>") && text.contains("&lt;b&gt;"), "{kind}");
    }
    for kind in [ArtifactKind::Trace, ArtifactKind::Timing, ArtifactKind::PerfDump, ArtifactKind::Manifest] {
        let text = fs::read(&manifest.artifact(kind).unwrap().path).unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&text).unwrap().is_object(), "{kind}");
    }
    let mut workbook: Xlsx<_> = open_workbook(&manifest.artifact(ArtifactKind::Ops).unwrap().path).unwrap();
    let stages = workbook.worksheet_range("stages").unwrap();
    let names: Vec<String> = stages.rows().map(|row| row[0].to_string()).collect();
    let cut = "x".repeat(253) + "…";
    for name in ["\u{202e}\u{2066}", "\"'<![CDATA[]]>&--><b>", "步\u{10ffff}", &cut] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn stops_while_its_journal_is_slow() {
    if !in_child() {
        return;
    }
    let mut stops: Vec<Duration> = (0..5).map(stop_beside_a_slow_journal).collect();
    stops.sort_unstable();
    assert!(stops[2] < Duration::from_millis(60), "{stops:?}");
}

/// Returns the time that a stop takes while other threads record names that the journal does not
/// know.
fn stop_beside_a_slow_journal(round: usize) -> Duration {
    start_profile_with(ProfilerConfig::torch(folder()).spool(true)).unwrap();
    set(What::Journal, 200);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let is_over = &is_over;
        for number in 0..3 {
            scope.spawn(move || {
                for name in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    drop(stage(&format!("{round} {number} {name}")));
                }
            });
        }
        thread::sleep(Duration::from_millis(250));
        let begin = Instant::now();
        let stopped = stop_profile().unwrap();
        let took = begin.elapsed();
        set(What::Journal, 0);
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(stopped.wait().unwrap().errors, [""; 0]);
        took
    })
}

/// G19: a stop does not wait for a journal that is being written.
#[test]
fn a_stop_does_not_wait_for_a_slow_journal() {
    run("stops_while_its_journal_is_slow", &Bench::alone());
}
