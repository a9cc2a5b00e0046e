//! Packets that are being written, one [`Sequence`] after the other.
//!
//! Across sequences time may run backwards: Perfetto sorts by time, and leaves events of the same
//! time in the order of the file.

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
    /// Number of sequences; their ids are 1 and up.
    sequences: u64,
}

impl<'out> Writer<'out> {
    pub(super) fn new(out: &'out mut dyn Write) -> Self {
        Self { page: Page::new(out), sequence: Sequence::unopened(1), sequences: 1 }
    }

    /// Begins a sequence, of events from `at` on (in nanoseconds since the Unix epoch), which are
    /// on `track` unless they say otherwise.
    pub(super) fn open(&mut self, track: u64, at: u64) {
        let id = self.new_sequence();
        self.sequence = Sequence::open(&mut self.page.text, id, track, at);
        self.page.pause();
    }

    /// Returns the id of one more sequence, which is written elsewhere too.
    pub(super) fn new_sequence(&mut self) -> u64 {
        self.sequences += 1;
        self.sequences
    }

    /// Writes out the packets so far, for pages that were filled elsewhere to follow them.
    ///
    /// # Errors
    ///
    /// Returns the first error so far.
    pub(super) fn direct(&mut self) -> io::Result<&mut (dyn Write + 'out)> {
        self.page.direct()
    }

    /// Describes a track.
    pub(super) fn describe(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.sequence.describe(&mut self.page.text, fill);
        self.page.pause();
    }

    /// Appends an event to the sequence, of one of the types in [`event`].
    #[inline]
    pub(super) fn event(&mut self, at: u64, kind: u64, fill: impl FnOnce(&mut TrackEvent<'_>)) {
        self.sequence.event(&mut self.page.text, at, kind, fill);
        self.page.pause();
    }

    /// Begins a slice on a track; 0 is the sequence's own.
    pub(super) fn begin(&mut self, at: u64, track: u64, said: &impl Event) {
        self.event(at, event::BEGIN, |event| {
            event.track(track);
            event.describe(said);
        });
    }

    /// Ends the innermost open slice of a track; 0 is the sequence's own.
    pub(super) fn end(&mut self, at: u64, track: u64) {
        self.sequence.end(&mut self.page.text, at, track);
        self.page.pause();
    }

    /// Writes out the rest, and returns the first error.
    pub(super) fn finish(self) -> io::Result<()> {
        self.page.finish()
    }
}
