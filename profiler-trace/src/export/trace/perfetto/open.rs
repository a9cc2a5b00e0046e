//! Open slices with known ends, which split whole slices into begins and ends in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::writer::Writer;

/// Open slices of some tracks. Memory grows only with the number of slices open at the same time.
#[derive(Default)]
pub(super) struct OpenSlices {
    /// End, order of begin, and track. The earliest end is on top; of equal ends, the innermost
    /// slice's.
    ends: BinaryHeap<(Reverse<u64>, u64, u64)>,
    count: u64,
}

impl OpenSlices {
    /// Adds a slice that has begun on `track` (0 is the sequence's own), after the slices around
    /// it.
    pub(super) fn begin(&mut self, end: u64, track: u64) {
        self.count += 1;
        self.ends.push((Reverse(end), self.count, track));
    }

    /// Returns whether no slice is open.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Removes the slice that ends next, unless it ends after `until`. Returns its end and track.
    pub(super) fn end_next(&mut self, until: u64) -> Option<(u64, u64)> {
        let (Reverse(end), _, track) = *self.ends.peek().filter(|(Reverse(end), ..)| *end <= until)?;
        self.ends.pop();
        Some((end, track))
    }

    /// Writes the ends of the slices that end no later than `until`.
    pub(super) fn end_until(&mut self, writer: &mut Writer<'_>, until: u64) {
        while let Some((end, track)) = self.end_next(until) {
            writer.end(end, track);
        }
    }
}
