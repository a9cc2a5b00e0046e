//! Limits the number of connections and chooses which one to close for a new client, so that
//! unauthenticated clients cost the host a fixed number of sockets and keep no other client out.
//!
//! ```text
//! Arriving ── request complete ─► Working ◄── client reads ──► Stalled
//! ```
//!
//! A new connection replaces the one whose request has been arriving for longest, or else the one
//! whose client has not read for longest. A connection whose response is being prepared is never
//! closed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// Maximum number of connections at a time.
pub(super) const MAX_CONNECTIONS: usize = 32;
/// Time after which a connection without a complete request may be closed. A client that sends its
/// request at once needs less.
const ARRIVAL_GRACE: Duration = Duration::from_millis(200);
/// Time after which a connection whose client does not read may be closed.
const STALL_GRACE: Duration = Duration::from_millis(500);

/// The state of a connection.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Waits for its request since this moment.
    Arriving(Instant),
    /// Prepares its response.
    Working,
    /// Waits for its client to read since this moment.
    Stalled(Instant),
}

/// The slot of a connection.
#[derive(Debug)]
pub(super) struct Slot {
    phase: Mutex<Phase>,
    /// Deadline for its request.
    deadline: Instant,
}

impl Slot {
    /// Creates the slot of a new connection, whose request must arrive within `timeout`.
    pub(super) fn new(timeout: Duration) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self { phase: Mutex::new(Phase::Arriving(now)), deadline: now + timeout })
    }

    /// Returns the time until the deadline for its request.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Records that the request is complete, or that the client reads again.
    pub(super) fn set_working(&self) {
        self.enter(Phase::Working);
    }

    /// Records that the client does not read.
    pub(super) fn set_stalled(&self) {
        self.enter(Phase::Stalled(Instant::now()));
    }

    fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// Returns the order in which connections are closed, smallest first; `None` if it must not be.
    fn eviction_order(&self, now: Instant) -> Option<(bool, Instant)> {
        let (since, grace, is_stalled) = match *self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Arriving(since) => (since, ARRIVAL_GRACE, false),
            Phase::Stalled(since) => (since, STALL_GRACE, true),
            Phase::Working => return None,
        };
        (now.saturating_duration_since(since) >= grace).then_some((is_stalled, since))
    }
}

/// The slots in use.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<(Arc<Slot>, AbortHandle)>);

impl Slots {
    /// Frees a slot for a new connection. Returns whether one is free now, and whether another
    /// connection was closed for that.
    pub(super) fn free_one(&mut self) -> (bool, bool) {
        self.0.retain(|(_, task)| !task.is_finished());
        if self.0.len() < MAX_CONNECTIONS {
            return (true, false);
        }
        let now = Instant::now();
        let ranked = self.0.iter().enumerate().filter_map(|(at, (slot, _))| Some((slot.eviction_order(now)?, at)));
        let Some((_, at)) = ranked.min() else { return (false, false) };
        let (_, task) = self.0.swap_remove(at);
        task.abort();
        (true, true)
    }

    pub(super) fn add(&mut self, slot: Arc<Slot>, task: AbortHandle) {
        self.0.push((slot, task));
    }
}
