//! Notifies the runtime of iterations: keeps a thread's open steps and reports each that ends.
//!
//! A session sets a [`Listener`], which is called at the end of each step with the site of the
//! enclosing step.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::open_list::OpenList;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::{clock, gate};

/// A step that has ended on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepEnd {
    /// Number of the step's site.
    pub site: u32,
    /// Number of the enclosing step's site, if there is one.
    pub inside: Option<u32>,
    /// Begin of the step, in ticks.
    pub began: u64,
}

/// Callback that runs after a step's end is recorded.
pub(crate) type Listener = fn(StepEnd);

static LISTENER: OnceLock<Listener> = OnceLock::new();

thread_local! {
    /// Open steps of this thread, held by guards and polls.
    static OPEN: RefCell<OpenList<OpenStep>> = const { RefCell::new(OpenList::new()) };
}

/// Number of the current count of steps. A step that began during an earlier count is no iteration
/// of this one.
static COUNTING: AtomicU32 = AtomicU32::new(0);

/// An open step that began while steps were counted.
#[derive(Clone, Copy, Debug)]
struct OpenStep {
    pub site: u32,
    counting: u32,
    began: u64,
    is_poll: bool,
    /// Site of the future in whose poll the step began. The step may end in a later poll of it.
    future: Option<u32>,
}

/// A step that is a future, from its first poll on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepLife {
    step: OpenStep,
    pub inside: Option<u32>,
}

/// Starts a new count, which excludes the steps that are open now.
pub fn count_anew() {
    // ORDERING: a step that begins at the same moment may belong to either count.
    COUNTING.fetch_add(1, Ordering::Relaxed);
}

/// Sets the listener; the first call wins.
pub fn listen(listener: Listener) {
    let _ = LISTENER.set(listener);
}

/// Reserves memory for another open step on this thread; returns false if there is none.
pub(crate) fn has_room() -> bool {
    OPEN.try_with(|open| open.try_borrow_mut().is_ok_and(|mut open| open.try_reserve())).unwrap_or(true)
}

/// Begins a step on this thread. Returns its key for [`end`]; `None` while the thread is ending,
/// where steps are not counted.
pub(crate) fn begin(site: u32) -> Option<u64> {
    open(site, false).map(|(key, _)| key)
}

/// Ends a guard's step. Its enclosing step is the future in whose poll it began, else the innermost
/// open step that began before it.
pub(crate) fn end(key: u64) {
    let ended = OPEN.try_with(|open| {
        let mut open = open.try_borrow_mut().ok()?;
        let (step, around) = open.end(key)?;
        Some((step, step.future.or_else(|| open.innermost_of(around).map(|outer| outer.site))))
    });
    if let Ok(Some((step, inside))) = ended {
        notify(step, inside);
    }
}

/// Begins a poll of a step that is a future. Returns the poll's key for [`suspend`], and the step's
/// life, which the caller keeps from the first poll.
pub(crate) fn begin_poll(site: u32) -> Option<(u64, StepLife)> {
    open(site, true)
}

fn open(site: u32, is_poll: bool) -> Option<(u64, StepLife)> {
    // ORDERING: see `count_anew`.
    let (counting, began) = (COUNTING.load(Ordering::Relaxed), clock::ticks());
    let begun = OPEN.try_with(|open| {
        let mut open = open.try_borrow_mut().ok()?;
        let outer = open.innermost().copied();
        let future = outer.filter(|outer| outer.is_poll).map(|outer| outer.site);
        let step = OpenStep { site, counting, began, is_poll, future };
        Some((open.begin(step)?, StepLife { step, inside: outer.map(|outer| outer.site) }))
    });
    begun.ok().flatten()
}

/// Ends a poll of a step that is a future.
pub(crate) fn suspend(key: u64) {
    let _ = OPEN.try_with(|open| open.try_borrow_mut().ok().and_then(|mut open| open.end(key)));
}

/// Ends a step that is a future.
pub(crate) fn end_life(life: StepLife) {
    notify(life.step, life.inside);
}

fn notify(step: OpenStep, inside: Option<u32>) {
    // ORDERING: see `count_anew`.
    if step.counting != COUNTING.load(Ordering::Relaxed) {
        return;
    }
    if let Some(listener) = LISTENER.get() {
        listener(StepEnd { site: step.site, inside, began: step.began });
    }
}

/// Records a call of the runtime's `next_step()`.
pub fn mark() {
    let gate = gate::load();
    if gate & gate::MOVING != 0 {
        buffer::move_on();
    }
    if gate & gate::RECORD != 0 {
        buffer::append(false, || Entry::new(Tag::StepMark, 0, clock::ticks()));
    }
}
