//! The workload without annotation: the cost of the call itself.

use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use profiler_benches::workload::{self, work};

/// A bare call; supports only the scenario `off`.
pub(crate) struct Bare;

impl Subject for Bare {
    fn name(&self) -> &'static str {
        super::BARE
    }

    fn title(&self) -> &'static str {
        "bare call"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off => Some(flat),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        Err("a bare call records nothing".into())
    }
}

#[inline(never)]
fn span(x: u64) -> u64 {
    work(x)
}

fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}
