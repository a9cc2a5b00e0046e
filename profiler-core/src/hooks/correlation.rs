//! The tie between a range and the GPU work that it launches.
//!
//! CUPTI notes, with every call of the CUDA API, the id that was pushed last on the calling thread. The id that a range
//! pushes says where its begin stands: the thread's ordinal and the position in its stream, so that nothing has to be
//! looked up while the program runs.
//! A runtime that speaks CUPTI installs the hooks; the gate's `GPU` bit says when to call them.
//!
//! CUPTI only knows a stack. A guard that ends before one that began after it is taken out of the middle: what is above it
//! is popped and pushed again.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::cheapest;
use crate::few::Few;
use crate::gate;
use crate::stream::buffer;

/// What is called around a range, on its thread.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// The id is the innermost from now on.
    pub push: fn(u64),
    /// It no longer is.
    pub pop: fn(),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();
/// Picoseconds that a tie took here when it was measured last.
static COST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The ids that are pushed on this thread.
    static PUSHED: RefCell<Few<u64, 8>> = const { RefCell::new(Few::new()) };
}

/// Bits of an id that hold the position: 10^12 entries a thread; 2^24 threads are left for the rest.
const POSITION_BITS: u32 = 40;

/// Sets who is told; the first call wins.
pub fn install(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

/// Measures what a tie costs, where nothing is launched between its two calls. Once a session, when the hooks work.
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

/// Nanoseconds that a tie cost its range when that was measured last.
pub fn ns_per_link() -> f64 {
    // ORDERING: a statistic.
    COST.load(Ordering::Relaxed) as f64 / 1000.0
}

/// The id of the begin that stands at `position` of the thread's stream.
pub const fn id(ordinal: u32, position: u64) -> u64 {
    (ordinal as u64) << POSITION_BITS | position & ((1 << POSITION_BITS) - 1)
}

/// Ordinal and position of an id.
pub const fn place(id: u64) -> (u32, u64) {
    // CAST: 24 bits are left.
    ((id >> POSITION_BITS) as u32, id & ((1 << POSITION_BITS) - 1))
}

/// Pushes the id of the range whose begin is the next entry of this thread. Returns what goes to [`pop`].
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

/// Ends what [`push`] began. Returns `None` if it is not there.
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

/// Calls `with` what is pushed on this thread; `None` while the thread is ending, or uses it.
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
