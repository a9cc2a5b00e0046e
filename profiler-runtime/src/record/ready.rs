//! What a new thread needs of chunks, made ahead: its first range allocates its stream and nothing else.
//!
//! A session's start makes ready for as many threads as [`COUNT`], and so does every later chunk of a thread that
//! records already.

use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunk::Chunk;
use super::process::PerProcess;

/// Places that are kept ready, and chunks of memory.
pub(super) const COUNT: usize = 32;

/// Allocations that have nothing in them yet.
static PLACES: PerProcess<Mutex<Vec<Arc<MaybeUninit<Chunk>>>>> = PerProcess::new(|_| Mutex::default());

fn places() -> MutexGuard<'static, Vec<Arc<MaybeUninit<Chunk>>>> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Allocates places, up to their number.
pub(super) fn refill() {
    let mut places = places();
    while places.len() < COUNT {
        places.push(Arc::new_uninit());
    }
}

/// The chunk, in a place that is ready if there is one.
pub(super) fn place(chunk: Chunk) -> Arc<Chunk> {
    let Some(mut place) = places().pop() else { return Arc::new(chunk) };
    let Some(empty) = Arc::get_mut(&mut place) else { return Arc::new(chunk) };
    empty.write(chunk);
    // SAFETY: it was written just now.
    unsafe { place.assume_init() }
}
