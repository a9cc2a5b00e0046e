//! Steps: what happens beyond recording when an iteration begins and ends.
//!
//! `record` does not know sessions; a session sets a [`Listener`] and is told of each step that ends, and whether
//! another step encloses it.

use std::cell::Cell;
use std::sync::OnceLock;

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
}

/// Called after a step's end is recorded.
pub(crate) type Listener = fn(StepEnd);

static LISTENER: OnceLock<Listener> = OnceLock::new();

thread_local! {
    /// Site of the innermost open step of this thread, 0 without one.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

/// Sets who is told; the first call wins.
pub(crate) fn listen(listener: Listener) {
    let _ = LISTENER.set(listener);
}

/// A step begins; the result goes to [`end`].
pub(super) fn begin(site: u32) -> u32 {
    CURRENT.replace(site)
}

/// The step ends; `outer` is what [`begin`] returned.
pub(super) fn end(site: u32, outer: u32) {
    CURRENT.set(outer);
    end_task(site, outer);
}

/// A step that is a future ends; `outer` is what [`begin`] returned at its first poll.
pub(super) fn end_task(site: u32, outer: u32) {
    if let Some(listener) = LISTENER.get() {
        listener(StepEnd { site, inside: (outer != 0).then_some(outer) });
    }
}

/// The step of a poll: [`end`]'s counterpart for the time between polls.
pub(super) fn suspend(outer: u32) {
    CURRENT.set(outer);
}

/// Records a bare `step()` call.
pub(crate) fn mark() {
    if gate::load() & gate::RECORD != 0 {
        buffer::append(false, || Entry::new(Tag::StepMark, 0, clock::ticks()));
    }
}
