//! The ring: room for new entries at the cost of the oldest ones.
//!
//! A thread whose chunk is full makes room here when the budget is spent, so once in thousands of
//! ranges. The chunk that was sealed first goes first, on any thread; chunks that are being written
//! stay. From the time of the last overwritten entry on ([`horizon`]) every entry of all threads is
//! there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::carry_over::Carry;
use super::shared::Shared;
use super::thread_stream::Stream;
use super::{chunk, store};
use crate::process::PerProcess;

/// Ticks of the last entry that was overwritten.
static HORIZON: AtomicU64 = AtomicU64::new(0);

/// Threads that have ended and whose entries are all overwritten.
static GONE: PerProcess<Mutex<Option<Gone>>> = PerProcess::new(|_| Mutex::default());

/// Remains of such threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone {
    /// Counts of their entries.
    pub(crate) carry: Carry,
    /// Ranges for which there was no room.
    pub(crate) lost: u64,
}

/// Returns the ticks after which nothing was overwritten.
pub(crate) fn horizon() -> u64 {
    // ORDERING: read while the streams concerned are locked.
    HORIZON.load(Ordering::Relaxed)
}

/// Returns the remains collected since the last [`forget`].
pub(crate) fn gone() -> Gone {
    GONE.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Returns the number of ranges without room of the threads that are gone.
pub(crate) fn lost() -> u64 {
    GONE.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |gone| gone.lost)
}

/// Forgets the remains, when a recording begins.
pub(crate) fn forget() {
    *GONE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Overwrites the oldest chunks of `all` streams; returns false if it can overwrite none.
pub(super) fn overwrite(all: &mut Vec<Shared<Stream>>) -> bool {
    let order = |(place, stream): (usize, &Shared<Stream>)| stream.oldest().map(|order| Reverse((order, place)));
    let mut queue = BinaryHeap::new();
    if queue.try_reserve(all.len()).is_err() {
        return false;
    }
    queue.extend(all.iter().enumerate().filter_map(order));
    let mut count = 0;
    while count < chunk::overwritten_at_once()
        && let Some(Reverse((_, place))) = queue.pop()
        && let Some((chunk, last, ranges)) = all[place].overwrite()
    {
        // ORDERING: see `horizon`.
        HORIZON.fetch_max(last, Ordering::Relaxed);
        chunk.give_up(chunk.owners() > 1);
        if let Some(store) = store::current() {
            store.count_overwritten(last, ranges);
        }
        count += 1;
        queue.extend(order((place, &all[place])));
    }
    let mut gone = GONE.lock().unwrap_or_else(PoisonError::into_inner);
    let gone = gone.get_or_insert_default();
    // Without memory for its counts, a stream stays until more is overwritten.
    let remember = |stream: &mut Shared<Stream>| {
        let mut is_added = || stream.with_carry(|carry| gone.carry.add_counts(carry)).is_some();
        let is_over = stream.is_spent() && is_added();
        gone.lost += if is_over { stream.lost_lately() } else { 0 };
        is_over
    };
    all.extract_if(.., remember).for_each(drop);
    count > 0
}
