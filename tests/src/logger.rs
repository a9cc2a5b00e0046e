//! A logger that holds exports up: a test that needs one to be under way does not depend on who is
//! faster.
//!
//! An export logs its `[DiffusionTiming]` lines before it is over, on its own thread, and a host's
//! logger may take its time.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use profiler_runtime::{ProfilerConfig, stage};

static TURN: Mutex<()> = Mutex::new(());

struct Patient;

impl log::Log for Patient {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string().starts_with("[DiffusionTiming]") {
            drop(TURN.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn flush(&self) {}
}

/// No export of a session that is [`held`] ends before this is dropped.
#[derive(Debug)]
pub struct Hold {
    _turn: MutexGuard<'static, ()>,
}

impl Hold {
    /// From now on. The process's logger is this one, for good.
    pub fn begin() -> Self {
        static SET: Once = Once::new();
        SET.call_once(|| {
            log::set_logger(&Patient).expect("the only logger");
            log::set_max_level(log::LevelFilter::Info);
        });
        Self { _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// The configuration of a session whose exports are held while there is a [`Hold`]; it has to
/// [`report`].
pub fn held(config: ProfilerConfig) -> ProfilerConfig {
    config.pipeline_profiler(true).pipeline_targets(["held"])
}

/// A stage that is logged.
pub fn report() {
    drop(stage("held"));
}
