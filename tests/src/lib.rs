//! Shared by the black-box tests: serialised sessions, temporary folders, and readers of artifacts.
//!
//! Sessions are global to a process, but the tests of one binary run as threads of one process.
//! [`Bench`] serialises them, and stops a session that a failed test has left active.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod artifacts;
mod child;
mod doubles;
#[cfg(target_os = "linux")]
pub mod gpu;
pub mod http;
pub mod ledger;
mod logger;
#[cfg(target_os = "linux")]
mod million;
mod pickle;
#[cfg(target_os = "linux")]
pub mod processes;
pub mod sources;
#[cfg(target_os = "linux")]
pub mod spool;
pub mod tasks;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use profiler_runtime::ProfilerConfig;
use tempfile::TempDir;

pub use artifacts::{Slice, Trace, manifest, stage_paths, timing};
pub use child::{child_of, clean, in_child, input_ends, succeeded};
pub use doubles::double;
pub use logger::{Hold, held, report};
#[cfg(target_os = "linux")]
pub use million::million_ranges;
pub use pickle::unpickle;

static ALONE: Mutex<()> = Mutex::new(());

/// A test's temporary folder, and its lock on the process's session.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
    _lock: Option<MutexGuard<'static, ()>>,
}

impl Bench {
    /// Waits until no other test of this process has a bench.
    pub fn alone() -> Self {
        let lock = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(left_behind) = profiler_runtime::stop_profile() {
            drop(left_behind.wait());
        }
        Self { folder: tempfile::tempdir().expect("a temporary folder"), _lock: Some(lock) }
    }

    /// Creates a folder without a lock: the sessions are those of child processes, so other tests
    /// can run at the same time.
    pub fn of_children() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), _lock: None }
    }

    /// Does what [`alone`](Self::alone) does, with a folder in memory if possible, for artifacts
    /// that must be written within a timeout of the profiler's that a busy disk may exceed.
    pub fn alone_in_memory() -> Self {
        let mut bench = Self::alone();
        if let Ok(folder) = tempfile::tempdir_in("/dev/shm") {
            bench.folder = folder;
        }
        bench
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a configuration that writes into the folder.
    pub fn config(&self) -> ProfilerConfig {
        ProfilerConfig::torch(self.path())
    }

    /// Records a session around `work`, and returns its trace.
    pub fn record(&self, config: ProfilerConfig, work: impl FnOnce()) -> Trace {
        profiler_runtime::start_profile_with(config).expect("starts");
        work();
        let stopped = profiler_runtime::stop_profile().expect("stops");
        stopped.wait().expect("is exported");
        Trace::read(stopped.folder().expect("has a folder"))
    }
}
