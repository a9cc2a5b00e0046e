//! Writer of packets, one [`Sequence`] after the other.
//!
//! Time may decrease from one sequence to the next: Perfetto sorts events by time and keeps the
//! file's order for equal times.

use std::io::{self, Write};

use crate::export::events::Event;
use crate::export::trace::buffer::Page;

use super::event::TrackEvent;
use super::schema::event;
use super::sequence::Sequence;

/// Writes packets.
pub(super) struct Writer<'out> {
    page: Page<'out>,
    sequence: Sequence,
    /// Number of sequences; their ids start at 1.
    sequences: u64,
}

impl<'out> Writer<'out> {
    pub(super) fn new(out: &'out mut dyn Write) -> Self {
        Self { page: Page::new(out), sequence: Sequence::unopened(1), sequences: 1 }
    }

    /// Starts a sequence of events from `at` (nanoseconds since the Unix epoch), which are on
    /// `track` by default.
    pub(super) fn open(&mut self, track: u64, at: u64) {
        let id = self.new_sequence();
        self.sequence = Sequence::open(&mut self.page.text, id, track, at);
        self.page.flush_if_full();
    }

    /// Returns the id of a new sequence, which may also be written by a worker.
    pub(super) fn new_sequence(&mut self) -> u64 {
        self.sequences += 1;
        self.sequences
    }

    /// Writes out the packets so far and returns the output, for pages that were filled by workers.
    ///
    /// # Errors
    ///
    /// Returns the first error so far.
    pub(super) fn flushed_output(&mut self) -> io::Result<&mut (dyn Write + 'out)> {
        self.page.flushed_output()
    }

    /// Describes a track.
    pub(super) fn describe(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.sequence.describe(&mut self.page.text, fill);
        self.page.flush_if_full();
    }

    /// Appends an event of a type in [`event`] to the sequence.
    #[inline]
    pub(super) fn event(&mut self, at: u64, kind: u64, fill: impl FnOnce(&mut TrackEvent<'_>)) {
        self.sequence.event(&mut self.page.text, at, kind, fill);
        self.page.flush_if_full();
    }

    /// Begins a slice on a track; 0 is the sequence's own.
    pub(super) fn begin(&mut self, at: u64, track: u64, event_description: &impl Event) {
        self.event(at, event::BEGIN, |event| {
            event.track(track);
            event.describe(event_description);
        });
    }

    /// Ends the innermost open slice on a track; 0 is the sequence's own.
    pub(super) fn end(&mut self, at: u64, track: u64) {
        self.sequence.end(&mut self.page.text, at, track);
        self.page.flush_if_full();
    }

    /// Writes out the rest. Returns the first error.
    pub(super) fn finish(self) -> io::Result<()> {
        self.page.finish()
    }
}
