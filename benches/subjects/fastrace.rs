//! fastrace, with one root span per unit and a reporter that counts spans.

use fastrace::Span;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Evidence, Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tracing library of the `fast` family. When off, there is no root span. (A root span without
/// a reporter costs as much as recording.)
pub(crate) struct Fastrace;

impl Subject for Fastrace {
    fn name(&self) -> &'static str {
        "fastrace"
    }

    fn title(&self) -> &'static str {
        "fastrace 0.7"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off => Some(without_root),
            Scenario::On | Scenario::TwoThreads => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        let spans = Arc::new(AtomicU64::new(0));
        fastrace::set_reporter(Counting(Arc::clone(&spans)), Config::default());
        Ok(Box::new(Reported(spans)))
    }
}

/// Reporter that counts spans.
pub(super) struct Counting(pub(super) Arc<AtomicU64>);

impl Reporter for Counting {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

/// Number of reported spans.
pub(super) struct Reported(pub(super) Arc<AtomicU64>);

impl Recording for Reported {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        fastrace::flush();
        Ok(Box::new(Evidence::spans(self.0.load(Ordering::Relaxed))))
    }
}

#[fastrace::trace(name = "bench.span")]
#[inline(never)]
fn span(x: u64) -> u64 {
    work(x)
}

#[fastrace::trace(name = "bench.nested")]
#[inline(never)]
fn nested(depth: u32, x: u64) -> u64 {
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

pub(super) fn in_roots(spans: u64, children: impl Fn(u64)) {
    workload::in_units(spans, |unit| {
        let root = Span::root("request", SpanContext::random());
        let _local = root.set_local_parent();
        children(unit);
    });
}

fn without_root(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}

fn flat(spans: u64) {
    in_roots(spans, |unit| workload::flat(unit, span));
}

fn deep(spans: u64) {
    in_roots(spans, |unit| workload::nested(unit, nested));
}
