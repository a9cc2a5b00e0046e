//! Measures GPU time without CUPTI: records a pair of CUDA events around each range that names its
//! stream.
//!
//! ```text
//! StreamRange ─► Pool: tie, event … event ─► queried by later ranges ─► the thread's stream
//!                  └─ at stop: queried in the background, with a timeout ─► EventLog
//! ```
//!
//! No thread of the program ever waits for the GPU: ranges only query whether an event is complete.
//! A process has one driver, so the running [`Pool`] is global, and sessions take turns.

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
pub(super) use pool::OpenTiming;

/// Turns of sessions. Ranges take the read lock; the write lock is taken when a session begins or
/// ends, and to add a context.
static TURNS: PerProcess<RwLock<Turns<Pool, Pool>>> = PerProcess::new(|_| RwLock::new(Turns::new()));

fn read() -> RwLockReadGuard<'static, Turns<Pool, Pool>> {
    TURNS.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Turns<Pool, Pool>> {
    TURNS.write().unwrap_or_else(PoisonError::into_inner)
}

/// CUDA events as a source of GPU times.
#[derive(Debug)]
pub(in crate::collect) struct Source;

/// A session's use of events.
#[derive(Debug)]
struct Capture {
    cuda: &'static Driver,
    /// Number of the session's turn.
    turn: u64,
    /// Pool with events that are not all complete, if a range named a stream.
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
    /// Starts timing. Costs nothing until a range names a stream.
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

    /// Queries the remaining events, for at most [`drain::TIMEOUT`], and destroys all events.
    fn decode(self: Box<Self>, better: Option<Unavailable>) -> GpuRecord {
        match self.unresolved {
            Some(pool) => GpuRecord::Timed(Box::new(drain::drain(pool, better))),
            None => GpuRecord::Absent(better.unwrap_or(Unavailable::NOTHING_RECORDED)),
        }
    }
}

/// Starts timing a range that has just begun on this thread, in `context` if the caller knows it.
/// Returns `None` if the range is not timed.
#[inline(never)]
pub(super) fn begin(site: &'static Site, stream: Handle, context: Option<Handle>) -> Option<OpenTiming> {
    let _own = ledger::own();
    let context = {
        let state = read();
        // `None` if the session has just ended.
        let pool = state.running()?;
        let context = pool.context(stream, context)?;
        if let Some(index) = pool.index_of(context) {
            return pool.open(index, site, stream);
        }
        context
    };
    let mut state = write();
    let pool = state.running_mut()?;
    let index = pool.add_context(context)?;
    pool.open(index, site, stream)
}

/// Ends a timing that [`begin`] has started, on the same thread. Does nothing if the session has
/// ended, which has counted the range as open.
#[inline(never)]
pub(super) fn end(open: OpenTiming, stream: Handle) {
    let _own = ledger::own();
    let state = read();
    if let Some(pool) = state.running().filter(|pool| pool.number == open.pool) {
        pool.close(open, stream);
    }
}
