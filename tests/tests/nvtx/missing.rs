//! Tools that cannot be attached: one warning, and the program runs as if none had been named.

#![allow(clippy::print_stderr)]

use std::path::Path;

use profiler_runtime::{profile_from_env, stage};
use profiler_tests::{child_of, double, in_child, succeeded};

/// Logger of the host, which is profiled itself.
struct Profiled;

impl log::Log for Profiled {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let _write = stage!("logger.write");
        eprintln!("[{}] {}", record.level(), record.args());
    }
    fn flush(&self) {}
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if in_child() {
        log::set_logger(&Profiled).unwrap();
        log::set_max_level(log::LevelFilter::Info);
        drop(stage!("first"));
        drop(stage!("second"));
        let _profile = profile_from_env();
        eprintln!("done");
    }
}

/// Returns the standard error of a program whose environment names this library as its tool.
fn attached_to(library: &Path, tool: &str) -> String {
    let output = succeeded(child_of("program").env("NVTX_INJECTION64_PATH", library).env("NVTX_TOOL", tool));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("done"), "{stderr}");
    stderr
}

fn is_warned_once(stderr: &str, why: &str) {
    assert_eq!(stderr.matches("[WARN] NVTX ranges are not shown to `").count(), 1, "{stderr}");
    assert!(stderr.contains("which `NVTX_INJECTION64_PATH` names: ") && stderr.contains(why), "{stderr}");
}

#[test]
fn a_library_that_is_not_there_is_a_warning() {
    is_warned_once(&attached_to(Path::new("missing/tool.so"), ""), "missing/tool.so");
}

#[test]
fn a_file_that_is_no_library_is_a_warning() {
    let stderr = attached_to(Path::new(file!()), "");
    is_warned_once(&stderr, "missing.rs");
    assert!(!stderr.contains("dlopen failed"), "the linker says more than that: {stderr}");
}

#[test]
fn a_tool_that_refuses_is_a_warning() {
    is_warned_once(&attached_to(&double("nvtx_tool"), "refuses"), "it refused to start");
}

#[test]
fn without_a_tool_nothing_is_said() {
    assert!(!attached_to(Path::new(""), "").contains('['));
}
