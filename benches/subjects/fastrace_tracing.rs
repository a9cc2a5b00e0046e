//! fastrace's layer for `tracing`, with one root span per unit and a reporter that counts spans.

use super::fastrace::{Counting, Reported, in_roots};
use super::tracing_chrome::{nested, span};
use fastrace::collector::Config;
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use profiler_benches::workload;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The tracing library of the `fast` family, behind `tracing`.
pub(crate) struct FastraceTracing;

impl Subject for FastraceTracing {
    fn name(&self) -> &'static str {
        "fastrace-tracing"
    }

    fn title(&self) -> &'static str {
        "tracing 0.1 + fastrace-tracing 0.1"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::On | Scenario::TwoThreads => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        tracing_subscriber::registry().with(fastrace_tracing::FastraceCompatLayer::new()).try_init()?;
        let spans = Arc::new(AtomicU64::new(0));
        fastrace::set_reporter(Counting(Arc::clone(&spans)), Config::default());
        Ok(Box::new(Reported(spans)))
    }
}

fn flat(spans: u64) {
    in_roots(spans, |unit| workload::flat(unit, span));
}

fn deep(spans: u64) {
    in_roots(spans, |unit| workload::nested(unit, nested));
}
