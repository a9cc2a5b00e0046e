//! What the black-box tests share: one session at a time, a folder that is gone afterwards, and
//! artifacts read back.
//!
//! Sessions are global to a process, and tests of one file run as threads of one process: [`Bench`]
//! serialises them, and ends a session that a failed test has left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod artifacts;
mod child;
mod doubles;
pub mod ledger;
mod logger;
#[cfg(target_os = "linux")]
mod million;
mod pickle;
#[cfg(target_os = "linux")]
pub mod processes;
pub mod sources;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use profiler_runtime::ProfilerConfig;
use tempfile::TempDir;

pub use artifacts::{Slice, Trace, manifest, stage_paths, timing};
pub use child::{child_of, clean, in_child, input_ends};
pub use doubles::double;
pub use logger::{Hold, held, report};
#[cfg(target_os = "linux")]
pub use million::million_ranges;
pub use pickle::unpickle;

static ALONE: Mutex<()> = Mutex::new(());

/// A test's own folder, and its turn.
#[derive(Debug)]
pub struct Bench {
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    /// Waits for the other tests of this process.
    pub fn alone() -> Self {
        let turn = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(left_behind) = profiler_runtime::stop_profile() {
            drop(left_behind.wait());
        }
        Self { folder: tempfile::tempdir().expect("a temporary folder"), _turn: turn }
    }

    /// [`alone`](Self::alone), with a folder in memory where that is possible: for what has to be
    /// written within a time limit of the profiler's, which a busy disk may exceed.
    pub fn alone_in_memory() -> Self {
        let mut bench = Self::alone();
        if let Ok(folder) = tempfile::tempdir_in("/dev/shm") {
            bench.folder = folder;
        }
        bench
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A configuration that writes into the folder.
    pub fn config(&self) -> ProfilerConfig {
        ProfilerConfig::torch(self.path())
    }

    /// The trace of one session around `work`.
    pub fn record(&self, config: ProfilerConfig, work: impl FnOnce()) -> Trace {
        profiler_runtime::start_profile_with(config).expect("starts");
        work();
        let stopped = profiler_runtime::stop_profile().expect("stops");
        stopped.wait().expect("is exported");
        Trace::read(stopped.folder().expect("has a folder"))
    }
}
