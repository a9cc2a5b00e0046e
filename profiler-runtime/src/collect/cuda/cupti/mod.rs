//! Records kernels, copies and API calls with CUPTI, and the range that launched each.
//!
//! Uses the activity API, as PyTorch's profiler does. A process has one CUPTI, which sessions use
//! in turn. No lock that a callback takes is held during a CUPTI call.
//!
//! ```text
//! Cupti (the library) ─► Capture::start ─► buffers (callbacks) ─► Capture::finish ─► Undecoded::decode ─► GpuLog
//! ```

mod api;
mod buffers;
mod decode;
mod diagnosis;
mod ignored_calls;
mod layout;
mod raw;
mod record;
mod search;
mod switch;

use super::driver::Driver;
use crate::collect::gpu::source::{self, Finding, Wanted};
use profiler_core::gate;
use profiler_core::hooks::correlation;
use profiler_trace::records::gpu::{GpuRecord, SourceName};
use profiler_trace::records::unavailable::Unavailable;

use api::Cupti;
use decode::Undecoded;
use switch::{Running, begin, turns};

/// CUPTI as a source of GPU times.
#[derive(Debug)]
pub(in crate::collect) struct Source;

/// A session's use of CUPTI.
#[derive(Debug)]
struct Capture {
    driver: &'static Driver,
    cupti: &'static Cupti,
    wanted: Wanted,
    /// Number of the session's turn.
    turn: u64,
    delivered: Option<Undecoded>,
}

impl source::Source for Source {
    fn name(&self) -> SourceName {
        SourceName::CUPTI
    }

    fn prepare(&self, wanted: Wanted) -> Result<Box<dyn source::Capture>, Unavailable> {
        let driver = Driver::get()?;
        diagnosis::check_unused()?;
        let cupti = Cupti::get(driver)?;
        Ok(Box::new(Capture { driver, cupti, wanted, turn: 0, delivered: None }))
    }

    fn bytes_in_use(&self) -> usize {
        buffers::bytes_in_use()
    }

    fn diagnose(&self) -> Vec<Finding> {
        diagnosis::findings()
    }
}

impl source::Capture for Capture {
    fn start(&mut self) -> Result<u32, Unavailable> {
        let mut turns = turns();
        turns.end_running(Running::end);
        let running = begin(self.driver, self.cupti, self.wanted)?;
        self.turn = turns.begin(|_| running);
        drop(turns);
        correlation::measure();
        Ok(gate::GPU)
    }

    fn finish(&mut self) {
        self.delivered = turns().finish(self.turn, Running::end);
    }

    fn decode(self: Box<Self>, _better: Option<Unavailable>) -> GpuRecord {
        self.delivered.map_or(GpuRecord::Absent(Unavailable::NOTHING_RECORDED), Undecoded::decode)
    }
}
