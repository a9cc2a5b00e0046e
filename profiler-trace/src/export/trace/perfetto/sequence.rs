//! A sequence: packets that share what need not be said again, which are the track, the words, and
//! the clock, which counts from the packet before.
//!
//! So a range takes about 36 bytes, and its times are exact. A sequence is appended to whatever
//! page it is given and knows of no other: those of several threads can be made side by side.

use super::event::TrackEvent;
use super::interner::Interner;
use super::schema::{clock, defaults, event, packet, trace};
use super::wire::{push_bytes, push_message, push_number};

/// The state that the packets so far have set.
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

    /// Begins a sequence, of events from `at` on (in nanoseconds since the Unix epoch), which are
    /// on `track` unless they say otherwise. No other may have this id.
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

    /// Appends an event of one of the types in [`event`]. Within a sequence time never runs
    /// backwards.
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
            if !interner.gathered.is_empty() {
                push_bytes(out, packet::INTERNED, &interner.gathered);
                interner.gathered.clear();
            }
        });
    }

    /// Appends the end of the innermost open slice of a track; 0 is the sequence's own.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, at: u64, track: u64) {
        self.event(out, at, event::END, |event| event.track(track));
    }
}

/// Sets the sequence's clock to `at`, to count differences from there. The trace's own clock is the
/// real time.
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
