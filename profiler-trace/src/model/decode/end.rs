//! The end of a range: completes its slice and adds it to the range around it.
//!
//! There are three cases, from common to rare. On a thread without crossings, a range covers its
//! whole duration of its parent. Where ranges cross, the union of what they cover is kept exactly
//! ([`Frame::cover`]). A range that is set aside with its task when it ends is inside no range of
//! the thread. For stages the decoder sums those that cross no other; the rest is computed after
//! all threads were read ([`covers`](crate::model::covers)).

use crate::model::slice::Slice;
use profiler_core::stream::entry::Entry;

use super::frames::Frame;
use super::nest::{Nest, Opened, Position};
use super::{Decoder, Event};
use crate::model::intervals::Cover;

impl Decoder<'_> {
    /// Ends a range. Returns false if no open range matches the entry.
    // Runs once per range and pass, so it is inlined into each of the few copies of `next`.
    #[inline(always)]
    pub(super) fn end(&mut self, entry: Entry) -> bool {
        let end = self.advance(entry.value());
        if self.crosses {
            return self.end_among_crossing(entry, end);
        }
        let Some((Frame { slice, .. }, open)) = self.frames.close(entry) else { return self.count_orphan() };
        slice.end_inside(open, end, &mut self.busy);
        if slice.cpu_ns.is_some() || self.next_call.cpu_clock.is_some() {
            slice.end_cpu_time(self.next_call.take_cpu_clock(entry.site()));
        }
        true
    }

    /// Ends a range on a thread with crossing ranges. Returns false if no open range matches the
    /// entry.
    #[inline(never)]
    fn end_among_crossing(&mut self, entry: Entry, end: u64) -> bool {
        let Some(position) = self.frames.find(entry) else { return self.count_orphan() };
        let clock = self.next_call.take_cpu_clock(entry.site());
        self.finish_among_crossing(end, position);
        if let Some((Frame { slice, .. }, _)) = self.frames.ended_mut() {
            slice.end_cpu_time(clock);
        }
        true
    }

    /// Counts an end without a begin. Returns false.
    #[cold]
    const fn count_orphan(&mut self) -> bool {
        self.began_before += 1;
        self.has_orphan = true;
        false
    }

    /// Completes the slice of a range on a thread with crossing ranges.
    fn finish_among_crossing(&mut self, end: u64, position: Position) {
        let around = self.frames.end(position);
        if matches!(position, Position::Aside(_)) {
            self.frames.complete(end, around);
        } else {
            self.frames.finish_among_crossing(end, around, &mut self.busy);
        }
        if let Position::Inside(at) = position {
            self.frames.mark_replaced(at, self.next_id);
            self.frames.refresh(at);
        }
    }

    /// Ends the ranges still open at the end of the stream, innermost first.
    pub(super) fn close_open(&mut self) -> Option<Event<'_>> {
        let aside = self.frames.aside_mut().len();
        let position = match self.frames.open_mut() {
            [.., last] => {
                last.slice.finished = false;
                Position::Innermost
            }
            [] => {
                let at = aside.checked_sub(1)?;
                self.frames.aside_mut().get_mut(at)?.1.slice.finished = false;
                Position::Aside(at)
            }
        };
        let end = self.timeline.end().max(self.now);
        if self.crosses {
            self.finish_among_crossing(end, position);
        } else {
            self.frames.end(position);
        }
        let (Frame { slice, .. }, open) = self.frames.ended_mut()?;
        if !self.crosses {
            slice.end_inside(open, end, &mut self.busy);
        }
        slice.end_cpu_time(None);
        Some(Event::Slice(slice))
    }
}

/// Completion of the range that has just ended; it is inside the first `around` open ranges.
impl Nest<Frame> {
    /// Completes its slice on a thread with crossing ranges.
    #[cold]
    fn finish_among_crossing(&mut self, end: u64, around: usize, busy: &mut Cover) {
        let oldest = self.oldest(around, end);
        self.pause_held(end);
        self.complete(end, around);
        let Some((ended, open)) = self.ended_mut() else { return };
        let (running_since, slice) = (ended.running_since(), &mut ended.slice);
        let Some(open) = open.get_mut(..around) else { return };
        match open.last_mut() {
            Some(outer) => outer.cover((running_since, end), oldest),
            None => {
                busy.add(running_since, end, oldest);
            }
        }
        // The stage around a crossing range was already set at its start.
        if !slice.crosses && slice.is_stage() {
            slice.add_to_stage(open);
        }
    }

    /// Pauses the ranges held over the end of a poll. Each covers, since it last ran, a part of the
    /// range around it: the innermost held range that ends later, or the poll.
    fn pause_held(&mut self, now: u64) {
        let Some(task) = self.ended().and_then(Opened::task) else { return };
        let mut around: Vec<usize> = Vec::new();
        for at in 0..self.aside_mut().len() {
            let Some((_, held)) = self.aside_mut().get_mut(at).filter(|(of, _)| *of == task) else { continue };
            let (ends, Some(part)) = (held.end_ticks(), held.pause(now)) else { continue };
            while around
                .pop_if(|at| self.aside_mut().get(*at).is_none_or(|(_, outer)| outer.end_ticks() < ends))
                .is_some()
            {}
            let outer = around.last().copied();
            around.push(at);
            if let Some((_, outer)) = outer.and_then(|outer| self.aside_mut().get_mut(outer)) {
                outer.cover(part, outer.running_since());
            } else if let Some((poll, _)) = self.ended_mut() {
                poll.cover(part, poll.slice.begin);
            }
        }
    }

    fn complete(&mut self, end: u64, around: usize) {
        let Some((ended, open)) = self.ended_mut() else { return };
        ended.resume(end);
        (ended.slice.end, ended.slice.until) = (end, end);
        if let Some(Frame { slice: outer, .. }) = open.get_mut(..around).and_then(<[Frame]>::last_mut) {
            add_memory(&ended.slice, outer);
            ended.slice.around_id = outer.external_id;
        }
    }

    /// Sets `until` of the ended range if the last range to start replaced it, as in
    /// `step = step!(…)`. `next_id` is the id of the next range.
    fn mark_replaced(&mut self, around: usize, next_id: u64) {
        let Some((Frame { slice, .. }, open)) = self.ended_mut() else { return };
        if let Some([next]) = open.get(around..)
            && next.slice.external_id + 1 == next_id
        {
            slice.until = next.slice.begin;
        }
    }

    /// Returns the earliest time since which ranges that may still end inside the first `around`
    /// have run; `now` if there are none.
    fn oldest(&self, around: usize, now: u64) -> u64 {
        let above = self.open().get(around..).unwrap_or_default();
        above.iter().map(Frame::running_since).min().unwrap_or(now)
    }
}

/// Adds the memory of an ended range to the range around it.
#[inline]
const fn add_memory(slice: &Slice, outer: &mut Slice) {
    outer.cpu_memory.total += slice.cpu_memory.total;
    outer.device_memory.total += slice.device_memory.total;
}

impl Slice {
    /// Completes the slice on a thread without crossings, where it is inside all open ranges.
    #[inline]
    fn end_inside(&mut self, open: &mut [Frame], end: u64, busy: &mut Cover) {
        (self.end, self.until) = (end, end);
        let duration = self.duration();
        if let Some(Frame { slice: outer, .. }) = open.last_mut() {
            add_memory(self, outer);
            self.around_id = outer.external_id;
            outer.children_ns += duration;
        } else {
            busy.ns += duration;
        }
        if self.is_stage() {
            self.add_to_stage(open);
        }
    }

    /// Subtracts the thread's CPU clock at the start from the clock at the end.
    fn end_cpu_time(&mut self, clock: Option<u64>) {
        if let Some(begin) = self.cpu_ns {
            // The thread's clock also advances while the task waits, so such a range has no CPU
            // time.
            let clock = clock.filter(|_| self.away_ns == 0);
            self.cpu_ns = clock.map(|end| end.saturating_sub(begin).min(self.duration()));
        }
    }

    /// Adds a stage or step to the innermost stage around it.
    #[inline]
    fn add_to_stage(&mut self, open: &mut [Frame]) {
        let Some(Frame { slice: outer, .. }) = open.iter_mut().rev().find(|frame| frame.slice.is_stage()) else {
            return;
        };
        (self.stage_around, self.stage_request) = (outer.key(), outer.request);
        if self.task.is_none() {
            outer.stage_children_ns += self.duration();
        }
    }
}
