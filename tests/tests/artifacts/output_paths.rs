//! Output paths that the user names: a regular file is replaced, a device or a pipe is written to,
//! a link is followed, and anything else is refused with a reason.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::artifacts::{ArtifactKind, Manifest};
use profiler_runtime::merge::{MergeOptions, merge};
use profiler_runtime::{ProfilerConfig, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, child_of, in_child, succeeded};
use serde_json::Value;

/// Records a stage whose performance report goes to `path`.
fn session(bench: &Bench, path: &Path) -> Manifest {
    record(bench.config().perf_dump_path(path))
}

fn record(config: ProfilerConfig) -> Manifest {
    start_profile_with(config).unwrap();
    drop(stage("decode"));
    stop_profile().unwrap().wait().unwrap()
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn pipe_at(path: PathBuf) -> PathBuf {
    // SAFETY: the path ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(c_path(&path).as_ptr(), 0o600) }, 0);
    path
}

/// Returns a null device that a defect may replace: one in `folder`, or `/dev/null` for users who
/// cannot replace it. Returns none to a root user who may not create devices.
fn null_device(folder: &Path) -> Option<PathBuf> {
    let own = folder.join("null");
    // SAFETY: the path ends with a NUL.
    let made = unsafe { libc::mknod(c_path(&own).as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)) } == 0;
    // SAFETY: the function has no preconditions.
    let is_root = unsafe { libc::geteuid() } == 0;
    match File::options().write(true).open(&own) {
        Ok(_) if made => Some(own),
        _ => (!is_root).then(|| PathBuf::from("/dev/null")),
    }
}

fn report(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Returns the reason why the performance report is missing.
fn reason(manifest: &Manifest) -> &str {
    assert!(manifest.artifact(ArtifactKind::PerfDump).is_none(), "{manifest:?}");
    let name = |missing: &&profiler_runtime::artifacts::MissingArtifact| missing.name.contains("here");
    &manifest.missing.iter().find(name).expect("is told").reason
}

/// B5: a device is written to, and stays a device.
#[test]
fn a_device_stays_a_device() {
    let bench = Bench::alone();
    let Some(device) = null_device(bench.path()) else { return };
    let link = bench.path().join("link");
    symlink(&device, &link).unwrap();
    for path in [&device, &link] {
        let manifest = session(&bench, path);
        assert!(manifest.artifact(ArtifactKind::PerfDump).unwrap().bytes > 0, "{manifest:?}");
        assert!(fs::metadata(path).unwrap().file_type().is_char_device(), "{}", path.display());
    }
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

/// B5: the reader of a pipe gets the whole report, and a whole trace that is larger than the pipe.
#[test]
fn the_reader_of_a_pipe_gets_all_of_it() {
    let bench = Bench::alone();
    let pipe = pipe_at(bench.path().join("pipe"));
    let reader = |pipe: PathBuf| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            File::open(pipe).unwrap().read_to_end(&mut bytes).map(|_| bytes).unwrap()
        })
    };
    let reading = reader(pipe.clone());
    // Lets the reader block in `open` first.
    thread::sleep(Duration::from_millis(100));
    let manifest = session(&bench, &pipe);
    let bytes = reading.join().unwrap();
    assert_eq!(manifest.artifact(ArtifactKind::PerfDump).unwrap().bytes, bytes.len() as u64);
    assert!(report(&bytes).is_object());
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

    start_profile_with(bench.config()).unwrap();
    (0..2_000).for_each(|_| drop(stage("decode")));
    let traces = stop_profile().unwrap().wait().unwrap().artifact(ArtifactKind::Trace).unwrap().path.clone();
    let reading = reader(pipe.clone());
    thread::sleep(Duration::from_millis(100));
    let merged = merge(&[traces], &pipe, &MergeOptions::default()).unwrap();
    let bytes = reading.join().unwrap();
    assert!(merged.bytes > 1 << 17 && merged.bytes == bytes.len() as u64, "{}", merged.bytes);
    assert!(report(&bytes)["traceEvents"].is_array());
}

/// B5: a pipe without a reader, or whose reader has left, causes an error: nothing hangs or dies of
/// SIGPIPE.
#[test]
fn a_pipe_without_reader_costs_its_artifact() {
    let bench = Bench::alone();
    let pipe = pipe_at(bench.path().join("here"));
    let start = Instant::now();
    let manifest = session(&bench, &pipe);
    assert!(start.elapsed() < Duration::from_secs(9));
    assert!(reason(&manifest).contains("a pipe that nobody reads"), "{manifest:?}");
    assert!(manifest.artifact(ArtifactKind::Trace).is_some() && fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

/// Merges into a pipe whose reader leaves, while SIGPIPE has its default action, as in programs for
/// pipelines.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn merges_into_a_pipe_that_is_left() {
    if !in_child() {
        return;
    }
    // SAFETY: the default action has no preconditions.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (trace, pipe) = (std::env::var("TRACE").unwrap(), std::env::var("PIPE").unwrap());
    let reader = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&pipe).unwrap();
    let leaving = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        drop(reader);
    });
    let error = merge(&[trace], &pipe, &MergeOptions::default()).unwrap_err().to_string();
    assert!(error.contains("roken pipe"), "{error}");
    leaving.join().unwrap();
}

/// B5, C3: a reader that leaves midway causes an error, even where SIGPIPE ends programs.
#[test]
fn a_reader_that_leaves_does_not_end_the_host() {
    let bench = Bench::alone();
    let pipe = pipe_at(bench.path().join("pipe"));
    start_profile_with(bench.config()).unwrap();
    (0..2_000).for_each(|_| drop(stage("decode")));
    let trace = stop_profile().unwrap().wait().unwrap().artifact(ArtifactKind::Trace).unwrap().path.clone();
    let mut child = child_of("merges_into_a_pipe_that_is_left");
    succeeded(child.env("TRACE", trace).env("PIPE", pipe));
}

/// B5: the target of a link is written, and the link stays.
#[test]
fn a_link_is_written_through() {
    let bench = Bench::alone();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("there"), "old").unwrap();
    for (name, target) in [
        ("relative", PathBuf::from("target.json")),
        ("dangling", bench.path().join("new.json")),
        ("elsewhere", elsewhere.path().join("there")),
        ("chain", PathBuf::from("relative")),
    ] {
        let link = bench.path().join(name);
        symlink(&target, &link).unwrap();
        let manifest = session(&bench, &link);
        assert!(manifest.errors.is_empty(), "{name}: {manifest:?}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "{name}");
        assert_eq!(fs::read_link(&link).unwrap(), target);
        assert!(report(&fs::read(&link).unwrap()).is_object(), "{name}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "nothing is left beside it");
    let trace = record(bench.config()).artifact(ArtifactKind::Trace).unwrap().path.clone();
    merge(&[trace], bench.path().join("relative"), &MergeOptions::default()).unwrap();
    assert!(fs::symlink_metadata(bench.path().join("relative")).unwrap().is_symlink());
    assert!(report(&fs::read(bench.path().join("target.json")).unwrap())["traceEvents"].is_array());
}

/// B5: a trace with a configured name is written through a link, too.
#[test]
fn a_linked_trace_file_is_written_through() {
    let bench = Bench::alone();
    symlink("kept.json", bench.path().join("latest.json")).unwrap();
    record(bench.config().trace_file("latest.json"));
    assert!(fs::symlink_metadata(bench.path().join("latest.json")).unwrap().is_symlink());
    assert!(report(&fs::read(bench.path().join("kept.json")).unwrap())["traceEvents"].is_array());
}

/// B5: a pipe beside a session's folder delays nothing when a trace replaces an earlier one.
#[test]
fn a_pipe_among_the_sessions_is_left_alone() {
    let bench = Bench::alone();
    let beside = bench.path().join("beside");
    fs::create_dir(&beside).unwrap();
    pipe_at(beside.join("manifest_rank0.json"));
    for _ in 0..2 {
        record(bench.config().trace_file("named.json"));
    }
}

/// B5: a path that can be neither replaced nor written to is refused with a reason, and reported at
/// the start.
#[test]
fn what_cannot_be_written_is_refused_with_a_reason() {
    type Make = fn(&Path);
    let make: [(Make, &str); 5] = [
        (|path| fs::create_dir(path).unwrap(), "it is a folder"),
        (|path| symlink(path, path).unwrap(), "leads back to itself"),
        (|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), "it is a socket"),
        (|path| symlink("no/such/folder", path).unwrap(), "No such file"),
        (
            |path| {
                fs::write(path, "precious").unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
            },
            "nobody may write to the file",
        ),
    ];
    for (make, expected) in make {
        let bench = Bench::alone();
        let path = bench.path().join("here");
        make(&path);
        let before = fs::symlink_metadata(&path).unwrap();
        let manifest = session(&bench, &path);
        assert!(reason(&manifest).contains(expected), "{manifest:?}");
        let told = |warning: &String| warning.contains("perf_dump_path") && warning.contains(expected);
        assert!(manifest.warnings.iter().any(told) || expected == "No such file", "{:?}", manifest.warnings);
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!((before.ino(), before.len()), (after.ino(), after.len()), "{expected}");
        let trace = manifest.artifact(ArtifactKind::Trace).unwrap().path.clone();
        let error = merge(&[trace], &path, &MergeOptions::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// B5: a replaced file keeps its permissions, and its contents under its other name.
#[test]
fn the_other_name_of_a_file_keeps_its_contents() {
    let bench = Bench::alone();
    let (path, other) = (bench.path().join("report.json"), bench.path().join("other"));
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&path, &other).unwrap();
    session(&bench, &path);
    assert_eq!(fs::read_to_string(&other).unwrap(), "old");
    assert!(report(&fs::read(&path).unwrap()).is_object());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
#[allow(clippy::print_stdout)]
fn reports_to_its_output() {
    if !in_child() {
        return;
    }
    println!("before");
    let path = std::env::var("REPORT").unwrap();
    start_profile_with(ProfilerConfig::default().perf_dump_path(path)).unwrap();
    drop(stage("decode"));
    stop_profile().unwrap().wait().unwrap();
    println!("after");
}

/// B5: `/dev/stdout` gets the report in order with the program's own output, be it a pipe or a
/// file.
#[test]
fn the_output_of_a_program_gets_the_report_in_turn() {
    let bench = Bench::of_children();
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let mut child = child_of("reports_to_its_output");
        child.env("REPORT", path).current_dir(bench.path()).stderr(Stdio::null());
        let piped = succeeded(&mut child);
        let file = bench.path().join("output");
        child.stdout(File::create(&file).unwrap());
        assert!(child.status().unwrap().success());
        for text in [piped.stdout, fs::read(&file).unwrap()] {
            let text = String::from_utf8(text).unwrap();
            let (_, rest) = text.split_once("before\n").expect("what was written before is there");
            let (json, _) = rest.split_once("after\n").expect("what came after is there");
            assert!(report(json.as_bytes()).is_object(), "{path}");
        }
    }
}
