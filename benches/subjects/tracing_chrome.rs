//! tracing with the tracing-chrome layer, whose file is complete when the guard is dropped.

use super::trace_file::TraceFile;
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The common way to a Chrome trace from Rust. When off, there is no subscriber.
pub(crate) struct TracingChrome;

impl Subject for TracingChrome {
    fn name(&self) -> &'static str {
        "tracing-chrome"
    }

    fn title(&self) -> &'static str {
        "tracing 0.1 + tracing-chrome 0.7"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off | Scenario::On | Scenario::TwoThreads | Scenario::Export => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("trace.json");
        let (layer, guard) = ChromeLayerBuilder::new().file(&path).build();
        tracing_subscriber::registry().with(layer).try_init()?;
        let file = TraceFile { dir, path, mark: "\"ph\":\"B\"" };
        Ok(Box::new(Writing { guard, file }))
    }
}

/// Recording of the layer, whose thread writes until the guard is dropped.
struct Writing {
    guard: FlushGuard,
    file: TraceFile,
}

impl Recording for Writing {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        drop(self.guard);
        Ok(Box::new(self.file))
    }
}

#[tracing::instrument(name = "bench.span", skip_all)]
#[inline(never)]
pub(super) fn span(x: u64) -> u64 {
    work(x)
}

#[tracing::instrument(name = "bench.nested", skip_all)]
#[inline(never)]
pub(super) fn nested(depth: u32, x: u64) -> u64 {
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

pub(super) fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}

pub(super) fn deep(spans: u64) {
    workload::in_units(spans, |unit| workload::nested(unit, nested));
}
