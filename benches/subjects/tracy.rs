//! tracy's client without a viewer: it keeps all zones in memory until one connects.
//!
//! Its lifetime is manual, so that it does not start in the processes of other subjects.

use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Evidence, Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use tracy_client::{Client, Span, span_location};

/// The frame profiler in C++. When off, the client is not started.
pub(crate) struct Tracy;

impl Subject for Tracy {
    fn name(&self) -> &'static str {
        "tracy"
    }

    fn title(&self) -> &'static str {
        "tracy-client 0.19"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off | Scenario::On | Scenario::TwoThreads => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        Ok(Box::new(Started(Client::start())))
    }
}

/// The started client, whose zones only tracy's viewer can count.
struct Started(Client);

impl Recording for Started {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        let Self(client) = *self;
        client.message("done", 0);
        Ok(Box::new(Evidence { spans: None, file_bytes: 0, text_bytes: 0 }))
    }
}

/// Opens a zone like `span!`, but does not panic without a client.
macro_rules! zone {
    ($name:literal) => {
        Client::running().map(|client| client.span(span_location!($name), 0))
    };
}

#[inline(never)]
fn span(x: u64) -> u64 {
    let _zone: Option<Span> = zone!("bench.span");
    work(x)
}

#[inline(never)]
fn nested(depth: u32, x: u64) -> u64 {
    let _zone: Option<Span> = zone!("bench.nested");
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}

fn deep(spans: u64) {
    workload::in_units(spans, |unit| workload::nested(unit, nested));
}
