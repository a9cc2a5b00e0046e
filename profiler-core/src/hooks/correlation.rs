//! Links ranges to the GPU work that they launch.
//!
//! CUPTI records, with every call of the CUDA API, the id that was pushed last on the calling
//! thread. A range pushes an id that locates its begin, made of the thread's ordinal and the
//! position in its stream, so that nothing has to be looked up while the program runs. The runtime
//! installs the hooks that call CUPTI; the gate's `GPU` bit says when to call them.
//!
//! CUPTI keeps the ids on a stack. When a guard ends before one that began after it, its id is
//! removed from the middle: the ids above it are popped and pushed again.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::cheapest;
use crate::gate;
use crate::small_vec::SmallVec;
use crate::stream::buffer;

/// Functions called at the begin and end of a range, on its thread.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Makes an id the innermost one.
    pub push: fn(u64),
    /// Removes the innermost id.
    pub pop: fn(),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();
/// Cost of a link in the last measurement, in picoseconds.
static COST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Ids pushed on this thread, outermost first.
    static PUSHED: RefCell<SmallVec<u64, 8>> = const { RefCell::new(SmallVec::new()) };
}

/// Number of bits for the position in an id, enough for 10^12 entries per thread; the other 24 bits
/// hold the thread's ordinal.
const POSITION_BITS: u32 = 40;

/// Installs the hooks; the first call wins.
pub fn install(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

/// Measures the cost of a link around no GPU work. Called once per session, after the hooks are
/// installed.
pub fn measure() {
    const LINKS: usize = 64;
    let Some(hooks) = HOOKS.get() else { return };
    let ns = cheapest(LINKS, || {
        for _ in 0..LINKS {
            (hooks.push)(0);
            (hooks.pop)();
        }
    });
    // CAST: saturates.
    let picoseconds = (ns * 1000.0) as u64;
    // ORDERING: a statistic.
    COST.store(picoseconds, Ordering::Relaxed);
}

/// Returns the cost of a link in nanoseconds, from the last measurement.
pub fn ns_per_link() -> f64 {
    // ORDERING: a statistic.
    COST.load(Ordering::Relaxed) as f64 / 1000.0
}

/// Returns the id of the begin at `position` in the stream of the thread `ordinal`.
pub const fn id(ordinal: u32, position: u64) -> u64 {
    (ordinal as u64) << POSITION_BITS | position & ((1 << POSITION_BITS) - 1)
}

/// Splits an id into the thread's ordinal and the position.
pub const fn place(id: u64) -> (u32, u64) {
    // CAST: 24 bits remain.
    ((id >> POSITION_BITS) as u32, id & ((1 << POSITION_BITS) - 1))
}

/// Pushes the id of a range whose begin will be this thread's next entry. Returns the id for
/// [`pop`].
pub(crate) fn push(gate: u32) -> Option<u64> {
    if gate & gate::GPU == 0 {
        return None;
    }
    let (hooks, (ordinal, position)) = (HOOKS.get()?, buffer::next_place()?);
    let id = id(ordinal, position);
    with_pushed(|pushed| (!pushed.is_full() || pushed.try_reserve(1)).then(|| pushed.push(id)))??;
    (hooks.push)(id);
    Some(id)
}

/// Removes an id that [`push`] returned; returns `None` if it is not on the stack.
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

/// Calls `with` on this thread's ids; returns `None` while the thread is ending, or while the ids
/// are in use.
fn with_pushed<R>(with: impl FnOnce(&mut SmallVec<u64, 8>) -> R) -> Option<R> {
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
