//! Steps: what happens beyond recording when an iteration begins and ends.
//!
//! `record` does not know sessions; a session sets a [`Listener`] and is told of each step that ends, and whether
//! another step encloses it.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use smallvec::SmallVec;

use super::clock;
use super::entry::{Entry, Tag};
use super::{buffer, gate};

/// One step has ended, on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepEnd {
    /// Number of the step's site.
    pub(crate) site: u32,
    /// Number of the site of the step around it, if there is one.
    pub(crate) inside: Option<u32>,
    /// When it began, in ticks.
    pub(crate) began: u64,
}

/// Called after a step's end is recorded.
pub(crate) type Listener = fn(StepEnd);

static LISTENER: OnceLock<Listener> = OnceLock::new();

thread_local! {
    /// Site of the innermost open step of this thread, 0 without one.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
    /// The steps of this thread's guards, which are no more than a word themselves: more than four inside each other are
    /// rare. A place is empty while later ones are not.
    static HELD: RefCell<SmallVec<[Option<OpenStep>; 4]>> = const { RefCell::new(SmallVec::new_const()) };
}

/// Which counting a step belongs to: one that began under an earlier session is no iteration of this one.
static COUNTING: AtomicU32 = AtomicU32::new(0);

/// A step that has begun while steps were counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenStep {
    /// Site of the step around it, 0 without one.
    outer: u32,
    counting: u32,
    began: u64,
}

/// Steps that are open now will not count.
pub(crate) fn count_anew() {
    // ORDERING: a step that begins at this very moment may count or not.
    COUNTING.fetch_add(1, Ordering::Relaxed);
}

/// Sets who is told; the first call wins.
pub(crate) fn listen(listener: Listener) {
    let _ = LISTENER.set(listener);
}

/// A step begins; the result goes to [`end`].
pub(super) fn begin(site: u32) -> OpenStep {
    // ORDERING: see `count_anew`.
    let counting = COUNTING.load(Ordering::Relaxed);
    OpenStep { outer: CURRENT.replace(site), counting, began: clock::ticks() }
}

/// Keeps a step for its guard; the result goes to [`release`]. `None` while the thread is ending: it does not count.
pub(super) fn hold(step: OpenStep) -> Option<u32> {
    let held = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        held.push(Some(step));
        u32::try_from(held.len() - 1).ok()
    });
    held.ok().flatten()
}

/// The step at this place, which its guard has no more; on the same thread.
pub(super) fn release(place: u32) -> Option<OpenStep> {
    let released = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        let step = held.get_mut(place as usize)?.take();
        while matches!(held.last(), Some(None)) {
            held.pop();
        }
        step
    });
    released.ok().flatten()
}

/// The step ends on the thread on which it began.
pub(super) fn end(site: u32, step: OpenStep) {
    suspend(step);
    end_task(site, step);
}

/// A step that is a future ends; `step` is what [`begin`] returned at its first poll.
pub(super) fn end_task(site: u32, step: OpenStep) {
    // ORDERING: see `count_anew`.
    if step.counting != COUNTING.load(Ordering::Relaxed) {
        return;
    }
    if let Some(listener) = LISTENER.get() {
        listener(StepEnd { site, inside: (step.outer != 0).then_some(step.outer), began: step.began });
    }
}

/// A poll of a step ends: [`end`]'s counterpart for the time between polls.
pub(super) fn suspend(step: OpenStep) {
    CURRENT.set(step.outer);
}

/// Records a bare `step()` call.
pub(crate) fn mark() {
    let gate = gate::load();
    if gate & gate::MOVING != 0 {
        buffer::move_on();
    }
    if gate & gate::RECORD != 0 {
        buffer::append(false, || Entry::new(Tag::StepMark, 0, clock::ticks()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_give_their_steps_back_in_any_order_and_each_once() {
        let step = |began| OpenStep { outer: 0, counting: 0, began };
        let places: Vec<_> = (0..6).filter_map(|began| hold(step(began))).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
        let began = |place| release(place).map(|step| step.began);
        assert_eq!([1, 5, 5, 4].map(began), [Some(1), Some(5), None, Some(4)]);
        assert_eq!(hold(step(9)), Some(4), "places are used again");
        assert_eq!([4, 0, 3, 2].map(began), [Some(9), Some(0), Some(3), Some(2)]);
        assert_eq!(hold(step(9)), Some(0), "and all of them, when the last has ended");
        assert_eq!(began(0), Some(9));
    }
}
