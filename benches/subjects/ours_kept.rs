//! This product where what it records is kept elsewhere: in a ring, or in a file.

use super::ours::{Session, work_of};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use profiler_runtime::ProfilerConfig;

/// The options that decide where entries go.
pub(crate) struct OursKept {
    name: &'static str,
    title: &'static str,
    /// The configuration, and how many bytes everything takes.
    change: fn(ProfilerConfig, u64) -> ProfilerConfig,
}

/// With room for three quarters of everything: so that it does overwrite.
pub(crate) const RING: OursKept = OursKept {
    name: "ours-ring",
    title: "**ours**, `ring`",
    change: |config, bytes| config.ring(true).max_buffer_mb(((bytes / 4 * 3) >> 20).max(1)),
};

/// In a file that is mapped into memory.
pub(crate) const SPOOL: OursKept =
    OursKept { name: "ours-spool", title: "**ours**, `spool`", change: |config, _| config.spool(true) };

impl Subject for OursKept {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        use Scenario::{Block, Nested, On, Shapes, TwoThreads};
        let is_kept = matches!(scenario, On | Nested | Shapes | Block | TwoThreads);
        is_kept.then(|| work_of(scenario))
    }

    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>> {
        Ok(Box::new(Session::start_with(scenario, spans, self.change)?))
    }
}
