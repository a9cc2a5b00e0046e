//! Children that record into a spool, and readers of their folders.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::{Bench, Trace, child_of, manifest};
use profiler_runtime::ProfilerConfig;
use profiler_runtime::spool::{Recovered, recover};

/// Returns the configuration that the parent chose.
pub fn config() -> ProfilerConfig {
    ProfilerConfig::from_json(&std::env::var("CONFIG").unwrap()).unwrap().config
}

/// Returns a configuration that records into a spool.
pub fn with_spool(bench: &Bench) -> serde_json::Value {
    serde_json::json!({"profiler": "torch", "torch_profiler_dir": bench.path(), "spool": true})
}

/// Runs a child with this configuration. Returns the signal that ended it, if one did.
pub fn run(name: &str, ending: &str, config: &serde_json::Value) -> Option<i32> {
    let mut child = child_of(name);
    child.env("CONFIG", config.to_string()).env("ENDING", ending).stdout(Stdio::null()).stderr(Stdio::null());
    child.status().unwrap().signal()
}

/// Returns the only folder in `base`.
pub fn only_folder(base: &Path) -> PathBuf {
    let folders: Vec<_> =
        fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

/// Returns the names of the spool's files in a session's folder.
pub fn spool_files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".spool")).collect()
}

/// Recovers the only session in `base` and returns its trace.
pub fn recovered(base: &Path) -> Trace {
    let Recovered { sessions, running, failed, .. } = recover(base).unwrap();
    assert!(sessions.len() == 1 && running.is_empty() && failed.is_empty(), "{running:?} {failed:?}");
    assert!(sessions[0].errors.is_empty(), "{:?}", sessions[0].errors);
    let folder = only_folder(base);
    assert!(spool_files(&folder).is_empty(), "the artifacts are there instead");
    assert_eq!(manifest(&folder)["ended_by"], "recovered");
    Trace::read(&folder)
}
