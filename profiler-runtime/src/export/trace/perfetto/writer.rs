//! Packets on their way out, in sequences.
//!
//! A sequence is a run of packets that share what need not be said again: the track, the words, and the clock, which
//! counts from the packet before. So a range takes about 40 bytes, and its times are exact. Within a sequence time never
//! runs backwards; across sequences it may: Perfetto sorts by time, and leaves events of the same time in the order of
//! the file.

use std::io::{self, Write};

use crate::export::trace::page::Page;

use super::event::Event;
use super::interner::Interner;
use super::schema::{clock, defaults, event, packet, trace};
use super::wire::{push_bytes, push_message, push_number};

/// Writes packets.
pub(super) struct Writer<'out> {
    page: Page<'out>,
    interner: Interner,
    sequence: u32,
    now: u64,
}

impl<'out> Writer<'out> {
    pub(super) fn new(out: &'out mut dyn Write) -> Self {
        Self { page: Page::new(out), interner: Interner::default(), sequence: 1, now: 0 }
    }

    /// Begins a sequence, of events from `at` on (in nanoseconds since the Unix epoch), which are on `track` unless they
    /// say otherwise.
    pub(super) fn open(&mut self, track: u64, at: u64) {
        self.sequence += 1;
        self.now = at;
        self.interner.begin(self.sequence);
        let sequence = u64::from(self.sequence);
        push_message(&mut self.page.text, trace::PACKET, |out| {
            push_number(out, packet::SEQUENCE, sequence);
            push_number(out, packet::FLAGS, packet::CLEARED);
            push_number(out, packet::FIRST_OF_SEQUENCE, 1);
            push_message(out, packet::DEFAULTS, |out| {
                push_number(out, defaults::CLOCK, clock::OF_SEQUENCE);
                push_message(out, defaults::EVENT, |out| push_number(out, defaults::EVENT_TRACK, track));
            });
            push_message(out, packet::CLOCK_SNAPSHOT, |out| push_clocks(out, at));
        });
        self.page.pause();
    }

    /// Describes a track.
    pub(super) fn describe(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let sequence = u64::from(self.sequence);
        push_message(&mut self.page.text, trace::PACKET, |out| {
            push_number(out, packet::SEQUENCE, sequence);
            push_message(out, packet::TRACK, fill);
        });
        self.page.pause();
    }

    /// An event of the sequence, of one of the types in [`event`].
    #[inline]
    pub(super) fn event(&mut self, at: u64, kind: u64, fill: impl FnOnce(&mut Event<'_>)) {
        let passed = at.saturating_sub(self.now);
        self.now += passed;
        let (sequence, interner) = (u64::from(self.sequence), &mut self.interner);
        push_message(&mut self.page.text, trace::PACKET, |out| {
            push_number(out, packet::TIMESTAMP, passed);
            push_number(out, packet::SEQUENCE, sequence);
            push_number(out, packet::FLAGS, packet::NEEDS_STATE);
            push_message(out, packet::EVENT, |out| {
                push_number(out, event::TYPE, kind);
                fill(&mut Event { out, interner });
            });
            if !interner.gathered.is_empty() {
                push_bytes(out, packet::INTERNED, &interner.gathered);
                interner.gathered.clear();
            }
        });
        self.page.pause();
    }

    /// The end of the innermost open slice of a track; 0 is the sequence's own.
    pub(super) fn end(&mut self, at: u64, track: u64) {
        self.event(at, event::END, |event| event.track(track));
    }

    /// Writes out the rest, and tells the first error.
    pub(super) fn finish(self) -> io::Result<()> {
        self.page.finish()
    }
}

/// The sequence's clock stands at `at` and counts differences. The trace's own clock is the real time.
fn push_clocks(out: &mut Vec<u8>, at: u64) {
    push_message(out, clock::CLOCKS, |out| {
        push_number(out, clock::ID, clock::REALTIME);
        push_number(out, clock::TIMESTAMP, at);
    });
    push_message(out, clock::CLOCKS, |out| {
        push_number(out, clock::ID, clock::OF_SEQUENCE);
        push_number(out, clock::TIMESTAMP, at);
        push_number(out, clock::IS_INCREMENTAL, 1);
    });
    push_number(out, clock::PRIMARY, clock::REALTIME);
}
