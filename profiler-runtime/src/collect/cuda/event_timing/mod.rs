//! GPU time without CUPTI: a pair of CUDA events around each range that names its stream.
//!
//! ```text
//! StreamRange ─► Pool: tie, event … event ─► asked in passing, by later ranges ─► the thread's stream
//!                  └─ at stop: Unresolved ─► asked for a bounded time, in the background ─► EventLog
//! ```
//!
//! Nothing here waits for the GPU on a thread of the program's: an event is only ever asked whether it has happened. The
//! process has one driver, so the running [`Pool`] is global; a session holds a [`Timing`].

mod api;
mod drain;
mod losses;
mod pool;
mod spooled;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use profiler_core::memory::ledger;
use profiler_core::process::PerProcess;
use profiler_core::site::Site;

use api::Cuda;
use pool::Pool;
use profiler_trace::records::events::EventLog;
use profiler_trace::records::unavailable::Absent;

pub(super) use api::Handle;
pub(super) use pool::Open;
pub(crate) use spooled::{NotedContexts, recovered};

/// Read by ranges; written when a session begins or ends, and when a context is new: in steady state nobody waits.
static STATE: PerProcess<RwLock<State>> =
    PerProcess::new(|_| RwLock::new(State { last: 0, running: None, ended: Vec::new() }));

#[derive(Debug)]
struct State {
    last: u64,
    running: Option<Pool>,
    /// Pools that a later start has ended, for the sessions whose they are.
    ended: Vec<Pool>,
}

fn read() -> RwLockReadGuard<'static, State> {
    STATE.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, State> {
    STATE.write().unwrap_or_else(PoisonError::into_inner)
}

/// A session's use of events.
#[derive(Debug)]
pub(crate) enum Timing {
    /// None.
    Off,
    /// Can start.
    Ready(&'static Cuda),
    /// Runs, under this number.
    Running(u64),
}

/// Events that were recorded and not all asked for.
#[derive(Debug)]
pub(crate) struct Unresolved(Pool);

impl Timing {
    /// Finds the driver, and starts nothing.
    pub(crate) fn prepare() -> Self {
        Cuda::get().map_or(Self::Off, Self::Ready)
    }

    /// Begins to time ranges, if that is still to be done. True if they are timed from now on. Costs nothing before the
    /// first range that names a stream.
    pub(crate) fn start(&mut self) -> bool {
        if let Self::Ready(cuda) = self {
            let mut state = write();
            state.last += 1;
            let pool = Pool::new(state.last, cuda);
            let before = state.running.replace(pool);
            state.ended.extend(before);
            *self = Self::Running(state.last);
        }
        matches!(self, Self::Running(_))
    }

    /// Ends it. `None` if no range named a stream.
    pub(crate) fn finish(self) -> Option<Unresolved> {
        let Self::Running(number) = self else { return None };
        let mut state = write();
        let pool = match state.running.take_if(|pool| pool.number == number) {
            Some(pool) => Some(pool),
            None => {
                let at = state.ended.iter().position(|pool| pool.number == number);
                at.map(|at| state.ended.swap_remove(at))
            }
        };
        pool.filter(Pool::was_used).map(Unresolved)
    }
}

impl Unresolved {
    /// Asks for what is left, at most for [`drain::PATIENCE`], and gives everything back. `reason`: why there is no more
    /// than this.
    pub(crate) fn resolve(self, reason: Absent) -> EventLog {
        drain::drain(self.0, reason)
    }
}

/// Begins to time a range that has just begun on this thread; `context` where it is known. `None` if it is not timed.
#[inline(never)]
pub(super) fn begin(site: &'static Site, stream: Handle, context: Option<Handle>) -> Option<Open> {
    let _own = ledger::own();
    let context = {
        let state = read();
        // None if the session has just ended.
        let pool = state.running.as_ref()?;
        let context = pool.context(stream, context)?;
        if let Some(place) = pool.place(context) {
            return pool.open(place, site, stream);
        }
        context
    };
    let mut state = write();
    let pool = state.running.as_mut()?;
    let place = pool.admit(context)?;
    pool.open(place, site, stream)
}

/// Ends what [`begin`] began, on the same thread. A session that has ended meanwhile knows that the range was open.
#[inline(never)]
pub(super) fn end(open: Open, stream: Handle) {
    let _own = ledger::own();
    let state = read();
    if let Some(pool) = state.running.as_ref().filter(|pool| pool.number == open.pool) {
        pool.close(open, stream);
    }
}
