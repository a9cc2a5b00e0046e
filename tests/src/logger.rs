//! A logger that blocks exports, so that a test can rely on an export being in progress.
//!
//! An export logs its `[DiffusionTiming]` lines on its own thread before it ends, and waits for the
//! host's logger.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use profiler_runtime::{ProfilerConfig, stage};

static LOCK: Mutex<()> = Mutex::new(());

struct BlockingLogger;

impl log::Log for BlockingLogger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string().starts_with("[DiffusionTiming]") {
            drop(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn flush(&self) {}
}

/// Guard that blocks the exports of [`held`] sessions until it is dropped.
#[derive(Debug)]
pub struct Hold {
    _lock: MutexGuard<'static, ()>,
}

impl Hold {
    /// Blocks exports from now on. Installs this logger for the rest of the process.
    pub fn begin() -> Self {
        static SET: Once = Once::new();
        SET.call_once(|| {
            log::set_logger(&BlockingLogger).expect("the only logger");
            log::set_max_level(log::LevelFilter::Info);
        });
        Self { _lock: LOCK.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// Returns the configuration of a session whose exports a [`Hold`] blocks. The session must call
/// [`report`].
pub fn held(config: ProfilerConfig) -> ProfilerConfig {
    config.pipeline_profiler(true).pipeline_targets(["held"])
}

/// Runs a stage that the export logs.
pub fn report() {
    drop(stage("held"));
}
