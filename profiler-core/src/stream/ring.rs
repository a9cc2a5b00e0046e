//! The ring: overwrites the oldest entries to make room for new ones.
//!
//! A thread whose chunk is full makes room here when the budget is spent, which is once in
//! thousands of ranges. The chunk that was sealed first, on any thread, is overwritten first;
//! chunks that are being written stay. After the last overwritten entry ([`horizon`]) no entry of
//! any thread is missing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::carry_over::Carry;
use super::shared::Shared;
use super::thread_stream::Stream;
use super::{chunk, store};
use crate::process::PerProcess;

/// Ticks of the latest entry that was overwritten.
static HORIZON: AtomicU64 = AtomicU64::new(0);

/// Counts of the threads that have ended and whose entries are all overwritten.
static GONE: PerProcess<Mutex<Option<Gone>>> = PerProcess::new(|_| Mutex::default());

/// Remains of threads whose streams were removed because all their entries are overwritten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone {
    /// Counts of their entries.
    pub(crate) carry: Carry,
    /// Number of ranges for which there was no room.
    pub(crate) lost: u64,
}

/// Returns the ticks after which no entry was overwritten.
pub(crate) fn horizon() -> u64 {
    // ORDERING: read while the streams concerned are locked.
    HORIZON.load(Ordering::Relaxed)
}

/// Returns the counts of removed threads since the last [`forget`].
pub(crate) fn gone() -> Gone {
    GONE.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Returns the number of ranges without room, of removed threads.
pub(crate) fn lost() -> u64 {
    GONE.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |gone| gone.lost)
}

/// Clears the counts of removed threads, when a recording begins.
pub(crate) fn forget() {
    *GONE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Overwrites the oldest chunks of all streams; returns false if none can be overwritten.
pub(super) fn overwrite(all: &mut Vec<Shared<Stream>>) -> bool {
    let order = |(index, stream): (usize, &Shared<Stream>)| stream.oldest().map(|order| Reverse((order, index)));
    let mut queue = BinaryHeap::new();
    if queue.try_reserve(all.len()).is_err() {
        return false;
    }
    queue.extend(all.iter().enumerate().filter_map(order));
    let mut count = 0;
    while count < chunk::overwritten_at_once()
        && let Some(Reverse((_, index))) = queue.pop()
        && let Some((chunk, last, ranges)) = all[index].overwrite()
    {
        // ORDERING: see `horizon`.
        HORIZON.fetch_max(last, Ordering::Relaxed);
        chunk.give_up(chunk.owners() > 1);
        if let Some(store) = store::current() {
            store.count_overwritten(last, ranges);
        }
        count += 1;
        queue.extend(order((index, &all[index])));
    }
    let mut gone = GONE.lock().unwrap_or_else(PoisonError::into_inner);
    let gone = gone.get_or_insert_default();
    // If there is no memory for its counts, a stream stays until the next call.
    let remember = |stream: &mut Shared<Stream>| {
        let mut is_added = || stream.with_carry(|carry| gone.carry.add_counts(carry)).is_some();
        let is_over = stream.is_spent() && is_added();
        gone.lost += if is_over { stream.lost_lately() } else { 0 };
        is_over
    };
    all.extract_if(.., remember).for_each(drop);
    count > 0
}
