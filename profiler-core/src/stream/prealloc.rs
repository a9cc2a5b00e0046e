//! Preallocated memory for the chunks of new threads, because a thread's first range must allocate
//! only its stream.
//!
//! The start of a session preallocates for [`COUNT`] threads, and so does every later chunk of a
//! thread that is already recording.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::chunk::{self, Chunk};
use super::shared::Allocation;
use crate::ledger;
use crate::process::PerProcess;

/// Number of threads for which memory is preallocated.
const COUNT: usize = 32;
/// Maximum number of preallocated headers: two per thread, one for its first chunk and one as its
/// [spare](super::thread_stream).
const MAX_READY: usize = 2 * COUNT;

/// Memory for a chunk's header.
pub(crate) type ChunkAllocation = Allocation<Chunk>;

static READY: PerProcess<Mutex<Vec<ChunkAllocation>>> = PerProcess::new(|_| Mutex::default());

fn ready() -> MutexGuard<'static, Vec<ChunkAllocation>> {
    READY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prepares memory for the first entries of a recording, so that they cause no page faults. Takes
/// about a fifth of a millisecond, once per process.
pub fn warm() {
    let _own = ledger::own();
    chunk::warm();
    refill();
}

/// Preallocates memory for threads that are about to record for the first time: headers up to
/// [`MAX_READY`] and chunks, as long as there is memory.
pub(crate) fn refill() {
    let _own = ledger::own();
    let mut ready = ready();
    let missing = MAX_READY.saturating_sub(ready.len());
    if ready.try_reserve(missing).is_ok() {
        ready.extend((0..missing).map_while(|_| ChunkAllocation::new()));
    }
    drop(ready);
    chunk::reserve(COUNT);
}

/// Takes preallocated memory, or allocates; returns `None` if there is no memory.
pub(crate) fn take() -> Option<ChunkAllocation> {
    // In two statements, so that the allocation happens outside the lock.
    let ready = ready().pop();
    ready.or_else(ChunkAllocation::new)
}
