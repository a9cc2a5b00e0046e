//! The thread behind `delay_secs` and `duration_secs`. A session with a time limit has one, which
//! sleeps until the deadline and ends with the session.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::global::{self, CHANGED};
use crate::error::Error;
use crate::session_id::SessionId;

const THREAD: &str = "profiler-timer";

/// Starts the thread for `session`, which the caller makes active under the session lock.
///
/// # Errors
///
/// Returns an error if the thread cannot be started.
pub(super) fn spawn(session: SessionId) -> Result<(), Error> {
    let watch = move || {
        while sleep(&session) {
            global::advance(|active| if *active.session() == session { active.elapse(Instant::now()) } else { None });
        }
    };
    let spawned = std::thread::Builder::new().name(THREAD.to_owned()).spawn(watch);
    spawned.map(drop).map_err(|error| Error::Thread { name: THREAD, source: Arc::new(error) })
}

/// Sleeps until the session's next deadline; returns false if the session is over.
fn sleep(session: &SessionId) -> bool {
    let mut slot = global::lock();
    loop {
        let Some(active) = slot.active.as_ref().filter(|active| active.session() == session) else { return false };
        let Some(deadline) = active.deadline() else {
            slot = CHANGED.wait(slot).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        (slot, _) = CHANGED.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner);
    }
}
