//! Memory for the chunks of new threads, allocated ahead: a thread's first range allocates only its
//! stream.
//!
//! A session's start makes memory ready for [`COUNT`] threads, and so does every later chunk of a
//! thread that records already.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::chunk::{self, Chunk};
use super::shared::Room;
use crate::ledger;
use crate::process::PerProcess;

/// Number of threads that memory is made ready for.
const COUNT: usize = 32;
/// Number of places that are kept ready: one for a thread's first chunk, and its
/// [spare](super::thread_stream).
const PLACES_READY: usize = 2 * COUNT;

/// Memory for the header of a chunk.
pub(crate) type Place = Room<Chunk>;

static PLACES: PerProcess<Mutex<Vec<Place>>> = PerProcess::new(|_| Mutex::default());

fn places() -> MutexGuard<'static, Vec<Place>> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prepares memory for the first entries of a recording, so that they meet no page faults. Takes
/// about a fifth of a millisecond, once in a process.
pub fn warm() {
    let _own = ledger::own();
    chunk::warm();
    make_ready();
}

/// Prepares memory for threads that are about to record for the first time.
pub(crate) fn make_ready() {
    let _own = ledger::own();
    refill();
    chunk::reserve(COUNT);
}

/// Allocates places, up to `PLACES_READY`, as long as there is memory.
fn refill() {
    let mut places = places();
    let missing = PLACES_READY.saturating_sub(places.len());
    if places.try_reserve(missing).is_ok() {
        places.extend((0..missing).map_while(|_| Place::new()));
    }
}

/// Returns a place that is ready, or a new one; `None` if there is no memory.
pub(crate) fn place() -> Option<Place> {
    // Allocates outside the lock.
    let ready = places().pop();
    ready.or_else(Place::new)
}
