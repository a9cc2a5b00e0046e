//! GPU time without CUPTI: a pair of CUDA events around each range that names its stream.
//!
//! ```text
//! StreamRange ─► Pool: tie, event … event ─► asked in passing, by later ranges ─► the thread's stream
//!                  └─ at stop: asked for a bounded time, in the background ─► EventLog
//! ```
//!
//! Nothing here waits for the GPU on a thread of the program's: an event is only ever asked whether
//! it has happened. The process has one driver, so the running [`Pool`] is global, and sessions
//! take turns.

mod api;
mod drain;
mod losses;
mod pool;
mod spooled;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;

use crate::collect::gpu::source::{self, Wanted};
use crate::collect::gpu::turns::Turns;
use profiler_core::gate;
use profiler_core::memory::ledger;
use profiler_core::process::PerProcess;
use profiler_core::site::Site;
use profiler_core::stream::registry::Log;

use crate::collect::cuda::driver::Driver;
use pool::Pool;
use profiler_trace::records::gpu::{GpuRecord, SourceName};
use profiler_trace::records::unavailable::Unavailable;

pub(super) use api::Handle;
pub(super) use pool::Open;
/// Turns of sessions. Ranges only read it; it is written when a session begins or ends, and for a
/// new context.
static TURNS: PerProcess<RwLock<Turns<Pool, Pool>>> = PerProcess::new(|_| RwLock::new(Turns::new()));

fn read() -> RwLockReadGuard<'static, Turns<Pool, Pool>> {
    TURNS.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Turns<Pool, Pool>> {
    TURNS.write().unwrap_or_else(PoisonError::into_inner)
}

/// CUDA events, as a source of GPU times.
#[derive(Debug)]
pub(in crate::collect) struct Source;

/// A session's use of events.
#[derive(Debug)]
struct Capture {
    cuda: &'static Driver,
    /// Number of its turn.
    turn: u64,
    /// Events that were recorded and not all asked for, if a range named a stream.
    unresolved: Option<Pool>,
}

impl source::Source for Source {
    fn name(&self) -> SourceName {
        SourceName::CUDA_EVENTS
    }

    fn prepare(&self, _wanted: Wanted) -> Result<Box<dyn source::Capture>, Unavailable> {
        Ok(Box::new(Capture { cuda: Driver::get()?, turn: 0, unresolved: None }))
    }

    fn journal(&self) -> Option<Value> {
        spooled::journal(read().running()?)
    }

    fn recover(&self, log: &Log, journal: Option<&Value>) -> Option<GpuRecord> {
        spooled::recovered(log, journal).map(|log| GpuRecord::Timed(Box::new(log)))
    }
}

impl source::Capture for Capture {
    /// Starts timing. Costs nothing before the first range that names a stream.
    fn start(&mut self) -> Result<u32, Unavailable> {
        let mut turns = write();
        turns.end_running(|pool| pool);
        self.turn = turns.begin(|number| Pool::new(number, self.cuda));
        Ok(gate::EVENTS)
    }

    fn limits(&self) -> Option<&'static str> {
        Some("only ranges that name their stream (`cuda::stage_on`) have GPU times")
    }

    fn finish(&mut self) {
        self.unresolved = write().finish(self.turn, |pool| pool).filter(Pool::was_used);
    }

    /// Asks for the remaining events, at most for [`drain::PATIENCE`], and gives everything back.
    fn decode(self: Box<Self>, better: Option<Unavailable>) -> GpuRecord {
        match self.unresolved {
            Some(pool) => GpuRecord::Timed(Box::new(drain::drain(pool, better))),
            None => GpuRecord::Absent(better.unwrap_or(Unavailable::NOTHING_RECORDED)),
        }
    }
}

/// Begins to time a range that has just begun on this thread; `context` where it is known. `None`
/// if it is not timed.
#[inline(never)]
pub(super) fn begin(site: &'static Site, stream: Handle, context: Option<Handle>) -> Option<Open> {
    let _own = ledger::own();
    let context = {
        let state = read();
        // None if the session has just ended.
        let pool = state.running()?;
        let context = pool.context(stream, context)?;
        if let Some(place) = pool.place(context) {
            return pool.open(place, site, stream);
        }
        context
    };
    let mut state = write();
    let pool = state.running_mut()?;
    let place = pool.admit(context)?;
    pool.open(place, site, stream)
}

/// Ends the timing that [`begin`] began, on the same thread. A session that has ended has counted
/// it as open.
#[inline(never)]
pub(super) fn end(open: Open, stream: Handle) {
    let _own = ledger::own();
    let state = read();
    if let Some(pool) = state.running().filter(|pool| pool.number == open.pool) {
        pool.close(open, stream);
    }
}
