//! A sequence of packets with shared state: the default track, the interned words, and the clock,
//! which counts from the previous packet.
//!
//! A range therefore takes about 36 bytes, and its times are exact. A sequence is appended to any
//! page and is independent of other sequences, so those of several threads can be encoded in
//! parallel.

use super::event::TrackEvent;
use super::interner::Interner;
use super::schema::{clock, defaults, event, packet, trace};
use super::wire::{push_bytes, push_message, push_number};

/// State set by the packets so far.
pub(super) struct Sequence {
    id: u64,
    now: u64,
    interner: Interner,
}

impl Sequence {
    /// Creates a sequence that only describes tracks.
    pub(super) fn unopened(id: u64) -> Self {
        Self { id, now: 0, interner: Interner::default() }
    }

    /// Starts a sequence of events from `at` (nanoseconds since the Unix epoch), which are on
    /// `track` by default. The id must be unique.
    pub(super) fn open(out: &mut Vec<u8>, id: u64, track: u64, at: u64) -> Self {
        push_message(out, trace::PACKET, |out| {
            push_number(out, packet::SEQUENCE, id);
            push_number(out, packet::FLAGS, packet::CLEARED);
            push_number(out, packet::FIRST_OF_SEQUENCE, 1);
            push_message(out, packet::DEFAULTS, |out| {
                push_number(out, defaults::CLOCK, clock::OF_SEQUENCE);
                push_message(out, defaults::EVENT, |out| push_number(out, defaults::EVENT_TRACK, track));
            });
            push_message(out, packet::CLOCK_SNAPSHOT, |out| push_clocks(out, at));
        });
        Self { now: at, ..Self::unopened(id) }
    }

    /// Describes a track.
    pub(super) fn describe(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
        push_message(out, trace::PACKET, |out| {
            push_number(out, packet::SEQUENCE, self.id);
            push_message(out, packet::TRACK, fill);
        });
    }

    /// Appends an event of a type in [`event`]. Within a sequence, time never decreases.
    #[inline]
    pub(super) fn event(&mut self, out: &mut Vec<u8>, at: u64, kind: u64, fill: impl FnOnce(&mut TrackEvent<'_>)) {
        let passed = at.saturating_sub(self.now);
        self.now += passed;
        let (id, interner) = (self.id, &mut self.interner);
        push_message(out, trace::PACKET, |out| {
            push_number(out, packet::TIMESTAMP, passed);
            push_number(out, packet::SEQUENCE, id);
            push_number(out, packet::FLAGS, packet::NEEDS_STATE);
            push_message(out, packet::EVENT, |out| {
                push_number(out, event::TYPE, kind);
                fill(&mut TrackEvent { out, interner });
            });
            if !interner.new_entries.is_empty() {
                push_bytes(out, packet::INTERNED, &interner.new_entries);
                interner.new_entries.clear();
            }
        });
    }

    /// Appends the end of the innermost open slice on a track; 0 is the sequence's own.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, at: u64, track: u64) {
        self.event(out, at, event::END, |event| event.track(track));
    }
}

/// Sets the sequence's clock to `at`, from which differences count. The trace's clock is real time.
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
