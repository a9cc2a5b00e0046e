//! The end of a range: its slice is complete, and counts for the range around it.
//!
//! Three ways, from common to rare: on a thread on which nothing crosses, the part of the outer
//! range that a range covers is its duration; where ranges cross, their joint coverage is kept
//! exactly ([`Frame::cover`]); and a range set aside with its task when it ends is in no range of
//! the thread. The time that stages cover of a stage is the sum of those that cross no other; the
//! rest is found when all threads are read ([`covers`](crate::model::covers)).

use crate::model::slice::Slice;
use profiler_core::stream::entry::Entry;

use super::cover::Cover;
use super::frames::Frame;
use super::nest::{Nest, Opened, Place};
use super::{Decoder, Event};

impl Decoder<'_> {
    /// Ends a range. Returns false if none was open for this entry.
    // Called once for every range of every pass: it belongs into each of the few copies of `next`.
    #[inline(always)]
    pub(super) fn end(&mut self, entry: Entry) -> bool {
        let end = self.advance(entry.value());
        if self.crosses {
            return self.end_among_crossing(entry, end);
        }
        let Some((Frame { slice, .. }, open)) = self.frames.close(entry) else { return self.end_of_none() };
        slice.end_inside(open, end, &mut self.busy);
        if slice.cpu_ns.is_some() || self.pending.cpu_clock.is_some() {
            slice.end_cpu_time(self.pending.take_cpu_clock(entry.site()));
        }
        true
    }

    /// Ends a range on a thread on which ranges cross. Returns false if none was open for this
    /// entry.
    #[inline(never)]
    fn end_among_crossing(&mut self, entry: Entry, end: u64) -> bool {
        let Some(place) = self.frames.find(entry) else { return self.end_of_none() };
        let clock = self.pending.take_cpu_clock(entry.site());
        self.finish_among_crossing(end, place);
        if let Some((Frame { slice, .. }, _)) = self.frames.ended_mut() {
            slice.end_cpu_time(clock);
        }
        true
    }

    /// Counts an end without a begin. Returns false.
    #[cold]
    const fn end_of_none(&mut self) -> bool {
        self.began_before += 1;
        self.has_orphan = true;
        false
    }

    /// Completes the slice of a range on a thread on which ranges cross.
    fn finish_among_crossing(&mut self, end: u64, place: Place) {
        let around = self.frames.end(place);
        if matches!(place, Place::Aside(_)) {
            self.frames.complete(end, around);
        } else {
            self.frames.finish_among_crossing(end, around, &mut self.busy);
        }
        if let Place::Inside(at) = place {
            self.frames.hand_over(at, self.next_id);
            self.frames.refresh(at);
        }
    }

    /// Ends the ranges that are open at the end of the stream: with the recording, innermost first.
    pub(super) fn close_open(&mut self) -> Option<Event<'_>> {
        let aside = self.frames.aside_mut().len();
        let place = match self.frames.open_mut() {
            [.., last] => {
                last.slice.finished = false;
                Place::Innermost
            }
            [] => {
                let at = aside.checked_sub(1)?;
                self.frames.aside_mut().get_mut(at)?.1.slice.finished = false;
                Place::Aside(at)
            }
        };
        let end = self.timeline.end().max(self.now);
        if self.crosses {
            self.finish_among_crossing(end, place);
        } else {
            self.frames.end(place);
        }
        let (Frame { slice, .. }, open) = self.frames.ended_mut()?;
        if !self.crosses {
            slice.end_inside(open, end, &mut self.busy);
        }
        slice.end_cpu_time(None);
        Some(Event::Slice(slice))
    }
}

/// The range that has just ended lies inside the first `around` of those that are open.
impl Nest<Frame> {
    /// Completes its slice on a thread on which ranges cross.
    #[cold]
    fn finish_among_crossing(&mut self, end: u64, around: usize, busy: &mut Cover) {
        let oldest = self.oldest(around, end);
        self.leave(end);
        self.complete(end, around);
        let Some((ended, open)) = self.ended_mut() else { return };
        let (ran_from, slice) = (ended.ran_from(), &mut ended.slice);
        let Some(open) = open.get_mut(..around) else { return };
        match open.last_mut() {
            Some(outer) => outer.cover((ran_from, end), oldest),
            None => {
                busy.add(ran_from, end, oldest);
            }
        }
        // The range around one that crosses was known at its begin.
        if !slice.crosses && slice.is_stage() {
            slice.lie_in_stage(open);
        }
    }

    /// Lets the ranges that are held over a poll wait from its end on. Each covered the range
    /// around it since it ran: the innermost one that is held, too, and ends later, or the poll.
    fn leave(&mut self, now: u64) {
        let Some(task) = self.ended().and_then(Opened::task) else { return };
        let mut around: Vec<usize> = Vec::new();
        for at in 0..self.aside_mut().len() {
            let Some((_, held)) = self.aside_mut().get_mut(at).filter(|(of, _)| *of == task) else { continue };
            let (ends, Some(part)) = (held.ends(), held.wait(now)) else { continue };
            while around.pop_if(|at| self.aside_mut().get(*at).is_none_or(|(_, outer)| outer.ends() < ends)).is_some() {
            }
            let outer = around.last().copied();
            around.push(at);
            if let Some((_, outer)) = outer.and_then(|outer| self.aside_mut().get_mut(outer)) {
                outer.cover(part, outer.ran_from());
            } else if let Some((poll, _)) = self.ended_mut() {
                poll.cover(part, poll.slice.begin);
            }
        }
    }

    fn complete(&mut self, end: u64, around: usize) {
        let Some((ended, open)) = self.ended_mut() else { return };
        ended.run_again(end);
        (ended.slice.end, ended.slice.until) = (end, end);
        if let Some(Frame { slice: outer, .. }) = open.get_mut(..around).and_then(<[Frame]>::last_mut) {
            hand_up(&mut ended.slice, outer);
        }
    }

    /// Notes when the last range to begin took its place, as in `step = step!(…)`; `next_id` is the
    /// next range's id.
    fn hand_over(&mut self, around: usize, next_id: u64) {
        let Some((Frame { slice, .. }, open)) = self.ended_mut() else { return };
        if let Some([next]) = open.get(around..)
            && next.slice.external_id + 1 == next_id
        {
            slice.until = next.slice.begin;
        }
    }

    /// Returns since when those that may still end inside the first `around` have run; `now` if
    /// there are none.
    fn oldest(&self, around: usize, now: u64) -> u64 {
        let above = self.open().get(around..).unwrap_or_default();
        above.iter().map(Frame::ran_from).min().unwrap_or(now)
    }
}

/// Adds the memory of a range that ended to that of the range around it.
#[inline]
fn hand_up(slice: &mut Slice, outer: &mut Slice) {
    outer.cpu_memory.total += slice.cpu_memory.total;
    outer.device_memory.total += slice.device_memory.total;
    slice.around_id = outer.external_id;
}

impl Slice {
    /// Completes the slice on a thread on which no ranges cross: it lies inside all that are open.
    #[inline]
    fn end_inside(&mut self, open: &mut [Frame], end: u64, busy: &mut Cover) {
        (self.end, self.until) = (end, end);
        let duration = self.duration();
        if let Some(Frame { slice: outer, .. }) = open.last_mut() {
            hand_up(self, outer);
            outer.children_ns += duration;
        } else {
            busy.ns += duration;
        }
        if self.is_stage() {
            self.lie_in_stage(open);
        }
    }

    /// Subtracts the thread's CPU clock at its begin from the one at its end.
    fn end_cpu_time(&mut self, clock: Option<u64>) {
        if let Some(begin) = self.cpu_ns {
            // The thread's clock went on while its task waited.
            let clock = clock.filter(|_| self.away_ns == 0);
            self.cpu_ns = clock.map(|end| end.saturating_sub(begin).min(self.duration()));
        }
    }

    /// Counts a stage or step for the innermost one around it.
    #[inline]
    fn lie_in_stage(&mut self, open: &mut [Frame]) {
        let Some(Frame { slice: outer, .. }) = open.iter_mut().rev().find(|frame| frame.slice.is_stage()) else {
            return;
        };
        (self.stage_around, self.stage_request) = (outer.key(), outer.request);
        if self.task.is_none() {
            outer.stage_children_ns += self.duration();
        }
    }
}
