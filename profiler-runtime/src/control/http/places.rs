//! Room for a limited number of connections, and the choice of the one that gives up its place:
//! strangers cost the host a known number of sockets and files, and keep nobody else out.
//!
//! ```text
//! Arriving ── request is there ─► Working ◄── the client reads ──► Stalled
//! ```
//!
//! A new connection takes the place of the connection whose request has been arriving for longest,
//! else of the one whose client has not read on for longest. A connection whose answer is being
//! prepared keeps its place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// Most connections at a time.
pub(super) const MOST: usize = 32;
/// Time after which a client without a whole request may lose its place: one that sends it at once
/// has done so.
const MAY_ARRIVE: Duration = Duration::from_millis(200);
/// Time after which a client that has not read on may lose its place.
const MAY_STALL: Duration = Duration::from_millis(500);

/// The state of a connection, by what it waits for.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Waits for its request, since then.
    Arriving(Instant),
    /// Waits for its answer.
    Working,
    /// Waits for its client to read on, since then.
    Stalled(Instant),
}

/// A connection's place.
#[derive(Debug)]
pub(super) struct Place {
    phase: Mutex<Phase>,
    /// Moment by which its request has to be there.
    deadline: Instant,
}

impl Place {
    /// Creates the place of a new connection, whose request has so much time to arrive.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self { phase: Mutex::new(Phase::Arriving(now)), deadline: now + patience })
    }

    /// Returns how long its request may still take to arrive.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Notes that the request is there, or that the client has read on.
    pub(super) fn works(&self) {
        self.enter(Phase::Working);
    }

    /// Notes that the client does not read on.
    pub(super) fn stalls(&self) {
        self.enter(Phase::Stalled(Instant::now()));
    }

    fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// Returns the rank by which it gives way, the smallest first; `None` if it keeps its place.
    fn rank(&self, now: Instant) -> Option<(bool, Instant)> {
        let (since, grace, is_stalled) = match *self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Arriving(since) => (since, MAY_ARRIVE, false),
            Phase::Stalled(since) => (since, MAY_STALL, true),
            Phase::Working => return None,
        };
        (now.saturating_duration_since(since) >= grace).then_some((is_stalled, since))
    }
}

/// The connections that are open.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(Arc<Place>, AbortHandle)>);

impl Places {
    /// Makes room for one more connection. Returns whether there is room now, and whether another
    /// connection was cut off for it.
    pub(super) fn make_room(&mut self) -> (bool, bool) {
        self.0.retain(|(_, task)| !task.is_finished());
        if self.0.len() < MOST {
            return (true, false);
        }
        let now = Instant::now();
        let ranked = self.0.iter().enumerate().filter_map(|(at, (place, _))| Some((place.rank(now)?, at)));
        let Some((_, at)) = ranked.min() else { return (false, false) };
        let (_, task) = self.0.swap_remove(at);
        task.abort();
        (true, true)
    }

    pub(super) fn add(&mut self, place: Arc<Place>, task: AbortHandle) {
        self.0.push((place, task));
    }
}
