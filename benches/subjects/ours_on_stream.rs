//! This product's ranges that name a CUDA stream, on a machine without CUDA, where the stream is
//! never used.

use super::ours::Session;
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Recording, Subject};
use profiler_benches::workload::{self, work};
use profiler_runtime::cuda::BorrowedStream;
use profiler_runtime::stage_on;
use std::ptr;

/// The macro `stage_on!` around the work.
pub(crate) struct OursOnStream;

impl Subject for OursOnStream {
    fn name(&self) -> &'static str {
        "ours-on-stream"
    }

    fn title(&self) -> &'static str {
        "**ours**, `stage_on!`"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        matches!(scenario, Scenario::Off | Scenario::On | Scenario::TwoThreads).then_some(flat)
    }

    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>> {
        Ok(Box::new(Session::start_with(scenario, spans, |config, _| config)?))
    }
}

#[inline(never)]
fn span(x: u64) -> u64 {
    // SAFETY: the default stream always exists, and nothing here resets a device.
    let stream = unsafe { BorrowedStream::borrow_raw(ptr::null_mut()) };
    let _stage = stage_on!(stream, "bench.span");
    work(x)
}

fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}
