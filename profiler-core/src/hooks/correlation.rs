//! The link between a range and the GPU work that it launches.
//!
//! CUPTI notes, with every call of the CUDA API, the id that was pushed last on the calling thread.
//! A range pushes an id that locates its begin: the thread's ordinal and the position in its
//! stream, so that no lookup is needed while the program runs. A runtime that speaks CUPTI installs
//! the hooks; the gate's `GPU` bit says when to call them.
//!
//! CUPTI only knows a stack. When a guard ends before one that began after it, its id is removed
//! from the middle: the ids above it are popped and pushed again.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::cheapest;
use crate::few::Few;
use crate::gate;
use crate::stream::buffer;

/// Functions that are called around a range, on its thread.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Makes an id the innermost one.
    pub push: fn(u64),
    /// Removes the innermost id.
    pub pop: fn(),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();
/// Picoseconds that a link took in the last measurement.
static COST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Ids that are pushed on this thread.
    static PUSHED: RefCell<Few<u64, 8>> = const { RefCell::new(Few::new()) };
}

/// Bits of an id that hold the position: 10^12 entries per thread; the other bits number 2^24
/// threads.
const POSITION_BITS: u32 = 40;

/// Installs the hooks; the first call wins.
pub fn install(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

/// Measures the cost of a link with nothing launched inside it. Called once per session, when the
/// hooks work.
pub fn measure() {
    const TIES: usize = 64;
    let Some(hooks) = HOOKS.get() else { return };
    let ns = cheapest(TIES, || {
        for _ in 0..TIES {
            (hooks.push)(0);
            (hooks.pop)();
        }
    });
    // CAST: saturates.
    let picoseconds = (ns * 1000.0) as u64;
    // ORDERING: a statistic.
    COST.store(picoseconds, Ordering::Relaxed);
}

/// Returns the nanoseconds that a link cost its range in the last measurement.
pub fn ns_per_link() -> f64 {
    // ORDERING: a statistic.
    COST.load(Ordering::Relaxed) as f64 / 1000.0
}

/// Returns the id of the begin at `position` of the thread's stream.
pub const fn id(ordinal: u32, position: u64) -> u64 {
    (ordinal as u64) << POSITION_BITS | position & ((1 << POSITION_BITS) - 1)
}

/// Returns the ordinal and the position in an id.
pub const fn place(id: u64) -> (u32, u64) {
    // CAST: 24 bits remain.
    ((id >> POSITION_BITS) as u32, id & ((1 << POSITION_BITS) - 1))
}

/// Pushes the id of the range whose begin is the next entry of this thread. Returns the id for
/// [`pop`].
pub(crate) fn push(gate: u32) -> Option<u64> {
    if gate & gate::GPU == 0 {
        return None;
    }
    let (hooks, (ordinal, position)) = (HOOKS.get()?, buffer::next_place()?);
    let id = id(ordinal, position);
    with_pushed(|pushed| (!pushed.is_full() || pushed.has_room(1)).then(|| pushed.push(id)))??;
    (hooks.push)(id);
    Some(id)
}

/// Removes the id that [`push`] returned. Returns `None` if it is not pushed.
pub(crate) fn pop(id: u64) -> Option<()> {
    let hooks = HOOKS.get()?;
    let (at, count) = with_pushed(|pushed| {
        let at = pushed.iter().rposition(|open| *open == id)?;
        pushed.remove(at);
        Some((at, pushed.len()))
    })??;
    (at..=count).for_each(|_| (hooks.pop)());
    let above = |at| with_pushed(|pushed| pushed.get(at).copied()).flatten();
    (at..count).filter_map(above).for_each(hooks.push);
    Some(())
}

/// Calls `with` on the ids pushed on this thread; returns `None` while the thread is ending, or
/// while they are in use.
fn with_pushed<R>(with: impl FnOnce(&mut Few<u64, 8>) -> R) -> Option<R> {
    PUSHED.try_with(|pushed| pushed.try_borrow_mut().ok().map(|mut pushed| with(&mut pushed))).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_thread_and_position() {
        assert_eq!(place(id(7, 1 << 39 | 5)), (7, 1 << 39 | 5));
        assert_eq!(place(id((1 << 24) - 1, 0)), ((1 << 24) - 1, 0));
    }
}
