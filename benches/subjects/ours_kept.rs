//! This product with other storage for the recording: a ring, or a file.

use super::ours::{Session, work_of};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use profiler_runtime::ProfilerConfig;

/// This product with options that select the storage.
pub(crate) struct OursKept {
    name: &'static str,
    title: &'static str,
    /// Change of the configuration, given the size of all entries in bytes.
    change: fn(ProfilerConfig, u64) -> ProfilerConfig,
}

/// Ring with space for three quarters of the entries, so that it overwrites.
pub(crate) const RING: OursKept = OursKept {
    name: "ours-ring",
    title: "**ours**, `ring`",
    change: |config, bytes| config.ring(true).max_buffer_mb(((bytes / 4 * 3) >> 20).max(1)),
};

/// Memory-mapped file.
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
