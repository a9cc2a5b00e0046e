//! Slices that have begun and whose end is known: they turn whole slices into begins and ends in
//! the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::writer::Writer;

/// The open slices of some tracks. Memory grows with the slices that are open at the same time, no
/// further.
#[derive(Default)]
pub(super) struct Open {
    /// End, order of begin, track; the earliest end on top, and of the same ends the innermost
    /// slice's.
    ends: BinaryHeap<(Reverse<u64>, u64, u64)>,
    begun: u64,
}

impl Open {
    /// Notes that a slice has begun on `track` (0: the sequence's own), after those around it.
    pub(super) fn begin(&mut self, end: u64, track: u64) {
        self.begun += 1;
        self.ends.push((Reverse(end), self.begun, track));
    }

    /// Returns whether none is open.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Closes the slice that ends next, if that is no later than `until`, and returns its end and
    /// its track.
    pub(super) fn end_next(&mut self, until: u64) -> Option<(u64, u64)> {
        let (Reverse(end), _, track) = *self.ends.peek().filter(|(Reverse(end), ..)| *end <= until)?;
        self.ends.pop();
        Some((end, track))
    }

    /// Ends the slices that end no later than `until`.
    pub(super) fn end_until(&mut self, writer: &mut Writer<'_>, until: u64) {
        while let Some((end, track)) = self.end_next(until) {
            writer.end(end, track);
        }
    }
}
