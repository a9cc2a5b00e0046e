//! The open ranges of a thread, outermost first, and the search for the one that an end belongs to.
//!
//! Ranges end in any order. A range that began in a poll and outlives it, such as a guard over
//! `.await`, is set aside with the task and is inside the task's next poll again: other tasks are
//! not inside it. The pass that finds crossing ranges (`crossing`) and the decoder keep their
//! frames here, so that both see the same nesting.

use profiler_core::stream::entry::Entry;

/// An open range.
pub(super) trait Opened {
    /// Returns its begin.
    fn begin(&self) -> Entry;
    /// Returns its number among the thread's ranges, which rises with their begins.
    fn id(&self) -> u64;
    /// Returns the task that it is a poll of.
    fn task(&self) -> Option<u64>;
}

/// The place of an open range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The innermost place.
    Innermost,
    /// Place behind the first so many; others began after it.
    Inside(usize),
    /// Place among those that are set aside with their tasks.
    Aside(usize),
}

/// The open ranges, outermost first; behind them ranges that have ended, which the next that begin
/// replace.
pub(super) struct Nest<F> {
    frames: Vec<F>,
    open: usize,
    /// Ranges that outlived a poll, with the task's number: outermost first.
    aside: Vec<(u64, F)>,
}

impl<F> Default for Nest<F> {
    fn default() -> Self {
        Self { frames: Vec::new(), open: 0, aside: Vec::new() }
    }
}

impl<F: Opened> Nest<F> {
    /// Returns the ranges that are open.
    #[inline]
    pub(super) fn open(&self) -> &[F] {
        &self.frames[..self.open]
    }

    /// Returns the ranges that are open.
    #[inline]
    pub(super) fn open_mut(&mut self) -> &mut [F] {
        &mut self.frames[..self.open]
    }

    /// Returns the ranges that are set aside, with their tasks.
    pub(super) fn aside_mut(&mut self) -> &mut [(u64, F)] {
        &mut self.aside
    }

    /// Returns whether nothing is set aside.
    pub(super) fn is_all_here(&self) -> bool {
        self.aside.is_empty()
    }

    /// Returns the range that has just ended.
    #[inline]
    pub(super) fn ended(&self) -> Option<&F> {
        self.frames.get(self.open)
    }

    /// Returns the range that has just ended, and those that are open.
    #[inline]
    pub(super) fn ended_mut(&mut self) -> Option<(&mut F, &mut [F])> {
        let (open, ended) = self.frames.split_at_mut(self.open);
        Some((ended.first_mut()?, open))
    }

    /// Returns the innermost open range.
    #[inline]
    pub(super) fn innermost(&mut self) -> Option<&mut F> {
        self.frames.get_mut(self.open.wrapping_sub(1))
    }

    /// Opens one more range. Returns the range that has ended in its place.
    // A frame is large: it is made where it lies only if this is part of the caller.
    #[inline(always)]
    pub(super) fn push(&mut self, frame: F) -> Option<F> {
        let place = self.open;
        self.open += 1;
        match self.frames.get_mut(place) {
            Some(ended) => Some(std::mem::replace(ended, frame)),
            None => {
                self.frames.push(frame);
                None
            }
        }
    }

    /// Closes the innermost range if this is its end. Returns the range, and those around it.
    #[inline]
    pub(super) fn close(&mut self, end: Entry) -> Option<(&mut F, &mut [F])> {
        let around = self.open.checked_sub(1)?;
        let (open, last) = self.frames.split_at_mut_checked(around)?;
        let last = last.first_mut().filter(|last| end.ends(last.begin()))?;
        self.open = around;
        Some((last, open))
    }

    /// Puts back the ranges that were set aside with `task`, whose poll has just begun. Returns
    /// whether there were any.
    #[cold]
    pub(super) fn resume(&mut self, task: u64) -> bool {
        let open = self.open;
        for (_, frame) in self.aside.extract_if(.., |(of, _)| *of == task) {
            self.frames.insert(self.open, frame);
            self.open += 1;
        }
        self.open > open
    }

    /// Puts the ranges that were set aside with a task that is over back among the others, by their
    /// begins. Returns the first place that changed.
    #[cold]
    pub(super) fn let_go(&mut self, task: u64) -> usize {
        let mut first = self.open;
        for (_, frame) in self.aside.extract_if(.., |(of, _)| *of == task) {
            let at = around(&self.frames[..self.open], frame.id());
            self.frames.insert(at, frame);
            self.open += 1;
            first = first.min(at);
        }
        first
    }

    /// Finds the range that this entry ends.
    #[inline]
    pub(super) fn find(&self, end: Entry) -> Option<Place> {
        match self.open() {
            [.., last] if end.ends(last.begin()) => Some(Place::Innermost),
            _ => self.find_deeper(end),
        }
    }

    #[cold]
    fn find_deeper(&self, end: Entry) -> Option<Place> {
        let inside = self.open().iter().rposition(|frame| end.ends(frame.begin())).map(Place::Inside);
        inside.or_else(|| self.aside.iter().rposition(|(_, frame)| end.ends(frame.begin())).map(Place::Aside))
    }

    /// Ends the range there. Returns how many of the ranges that stay are around it.
    #[inline]
    pub(super) fn end(&mut self, place: Place) -> usize {
        match place {
            Place::Innermost => {
                self.open -= 1;
                self.open
            }
            Place::Inside(at) => self.end_inside(at),
            Place::Aside(at) => {
                let (_, frame) = self.aside.remove(at);
                let at = around(self.open(), frame.id());
                self.frames.insert(self.open, frame);
                at
            }
        }
    }

    #[cold]
    fn end_inside(&mut self, at: usize) -> usize {
        match self.frames[at].task() {
            Some(task) => {
                let outlive = self.frames.drain(at + 1..self.open);
                self.aside.extend(outlive.map(|frame| (task, frame)));
                self.open = at;
            }
            None => {
                self.frames[at..self.open].rotate_left(1);
                self.open -= 1;
            }
        }
        at
    }
}

/// Returns how many of the open ranges are around one with this number: those up to the last that
/// began before it.
pub(super) fn around<F: Opened>(open: &[F], id: u64) -> usize {
    open.iter().rposition(|frame| frame.id() < id).map_or(0, |at| at + 1)
}
