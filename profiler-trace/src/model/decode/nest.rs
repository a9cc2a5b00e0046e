//! The open ranges of a thread, outermost first, and the search for the range that an end closes.
//!
//! Ranges end in any order. A range that started in a poll and outlives it, such as a guard over
//! `.await`, is set aside with the task and returns in the task's next poll, so that other tasks
//! are not inside it. The search for crossing ranges (`crossing`) and the decoder keep their frames
//! here, so both see the same nesting.

use profiler_core::stream::entry::Entry;

/// An open range.
pub(super) trait Opened {
    /// Returns its begin entry.
    fn begin(&self) -> Entry;
    /// Returns its number among the thread's ranges, which increases with their starts.
    fn id(&self) -> u64;
    /// Returns the task that it polls, if it is a poll.
    fn task(&self) -> Option<u64>;
}

/// Position of an open range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The innermost open range.
    Innermost,
    /// Index among the open ranges, not the last.
    Inside(usize),
    /// Index among the ranges that are set aside with their tasks.
    Aside(usize),
}

/// Open ranges, outermost first. Behind them in `frames` are ended ranges, which later ones
/// replace.
pub(super) struct Nest<F> {
    frames: Vec<F>,
    open: usize,
    /// Ranges that outlived a poll, with the number of its task, outermost first.
    aside: Vec<(u64, F)>,
}

impl<F> Default for Nest<F> {
    fn default() -> Self {
        Self { frames: Vec::new(), open: 0, aside: Vec::new() }
    }
}

impl<F: Opened> Nest<F> {
    /// Returns the open ranges.
    #[inline]
    pub(super) fn open(&self) -> &[F] {
        &self.frames[..self.open]
    }

    /// Returns the open ranges mutably.
    #[inline]
    pub(super) fn open_mut(&mut self) -> &mut [F] {
        &mut self.frames[..self.open]
    }

    /// Returns the ranges that are set aside, with their tasks.
    pub(super) fn aside_mut(&mut self) -> &mut [(u64, F)] {
        &mut self.aside
    }

    /// Returns whether ranges are set aside.
    pub(super) fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// Returns the range that has just ended.
    #[inline]
    pub(super) fn ended(&self) -> Option<&F> {
        self.frames.get(self.open)
    }

    /// Returns the range that has just ended, and the open ranges.
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

    /// Opens a range. Returns the ended range whose slot it takes.
    // Inlined because a frame is large: only then is it built in place.
    #[inline(always)]
    pub(super) fn push(&mut self, frame: F) -> Option<F> {
        let index = self.open;
        self.open += 1;
        match self.frames.get_mut(index) {
            Some(ended) => Some(std::mem::replace(ended, frame)),
            None => {
                self.frames.push(frame);
                None
            }
        }
    }

    /// Closes the innermost range if the entry is its end. Returns it with the ranges around it.
    #[inline]
    pub(super) fn close(&mut self, end: Entry) -> Option<(&mut F, &mut [F])> {
        let around = self.open.checked_sub(1)?;
        let (open, last) = self.frames.split_at_mut_checked(around)?;
        let last = last.first_mut().filter(|last| end.ends(last.begin()))?;
        self.open = around;
        Some((last, open))
    }

    /// Puts back the ranges that were set aside with `task`, whose poll has just started. Returns
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

    /// Releases the ranges that were set aside with an ended task: puts them back among the open
    /// ranges, by their starts. Returns the first index that changed.
    #[cold]
    pub(super) fn release(&mut self, task: u64) -> usize {
        let mut first = self.open;
        for (_, frame) in self.aside.extract_if(.., |(of, _)| *of == task) {
            let at = around(&self.frames[..self.open], frame.id());
            self.frames.insert(at, frame);
            self.open += 1;
            first = first.min(at);
        }
        first
    }

    /// Finds the open range that this entry ends.
    #[inline]
    pub(super) fn find(&self, end: Entry) -> Option<Position> {
        match self.open() {
            [.., last] if end.ends(last.begin()) => Some(Position::Innermost),
            _ => self.find_deeper(end),
        }
    }

    #[cold]
    fn find_deeper(&self, end: Entry) -> Option<Position> {
        let inside = self.open().iter().rposition(|frame| end.ends(frame.begin())).map(Position::Inside);
        inside.or_else(|| self.aside.iter().rposition(|(_, frame)| end.ends(frame.begin())).map(Position::Aside))
    }

    /// Ends the range at this position. Returns the number of open ranges around it.
    #[inline]
    pub(super) fn end(&mut self, position: Position) -> usize {
        match position {
            Position::Innermost => {
                self.open -= 1;
                self.open
            }
            Position::Inside(at) => self.end_inside(at),
            Position::Aside(at) => {
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

/// Returns the number of open ranges around the range with this id: those up to the last that
/// started before it.
pub(super) fn around<F: Opened>(open: &[F], id: u64) -> usize {
    open.iter().rposition(|frame| frame.id() < id).map_or(0, |at| at + 1)
}
