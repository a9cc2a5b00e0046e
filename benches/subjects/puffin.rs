//! puffin, with scopes on, one frame and outer scope per unit, and a sink that counts scopes in
//! place of a viewer's server.

use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Evidence, Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use puffin::GlobalProfiler;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The frame profiler of the egui family.
pub(crate) struct Puffin;

impl Subject for Puffin {
    fn name(&self) -> &'static str {
        "puffin"
    }

    fn title(&self) -> &'static str {
        "puffin 0.20"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off | Scenario::On | Scenario::TwoThreads => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        let scopes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&scopes);
        GlobalProfiler::lock().add_sink(Box::new(move |frame| {
            counted.fetch_add(frame.meta().num_scopes as u64, Ordering::Relaxed);
        }));
        puffin::set_scopes_on(true);
        Ok(Box::new(Sink(scopes)))
    }
}

/// Number of scopes that reached the sink.
struct Sink(Arc<AtomicU64>);

impl Recording for Sink {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        puffin::set_scopes_on(false);
        GlobalProfiler::lock().new_frame();
        Ok(Box::new(Evidence::spans(self.0.load(Ordering::Relaxed))))
    }
}

#[inline(never)]
fn span(x: u64) -> u64 {
    puffin::profile_function!();
    work(x)
}

#[inline(never)]
fn nested(depth: u32, x: u64) -> u64 {
    puffin::profile_function!();
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

fn in_frames(spans: u64, frame: impl Fn(u64)) {
    workload::in_units(spans, |unit| {
        if puffin::are_scopes_on() {
            GlobalProfiler::lock().new_frame();
        }
        puffin::profile_scope!("frame");
        frame(unit);
    });
}

fn flat(spans: u64) {
    in_frames(spans, |unit| workload::flat(unit, span));
}

fn deep(spans: u64) {
    in_frames(spans, |unit| workload::nested(unit, nested));
}
