//! The end of a range: its slice is complete, and counts for what is around it.
//!
//! Three ways, from the common one to the rare one: on a thread on which nothing crosses, what a range covers of the one
//! around it is its duration; where ranges cross, what they cover together is kept exactly ([`Cover`]); and a range that is
//! set aside with its task when it ends is in no range of the thread, but in a stage that waits with it or in the task.

use std::collections::HashMap;

use crate::model::requests;
use crate::model::slice::Slice;
use crate::record::entry::Entry;

use super::cover::Cover;
use super::frames::Frame;
use super::nest::{Nest, Opened, Place};
use super::{Decoder, Event};

/// Surroundings of a range that is set aside.
#[derive(Clone, Copy)]
struct Holder {
    task: u64,
    /// Place of the innermost stage that is set aside too, with the same task.
    stage: Option<usize>,
}

impl Decoder<'_> {
    /// Ends a range. Returns false if none was open for this entry.
    // Once for every range of every pass: it belongs into each of the few copies of `next`.
    #[inline(always)]
    pub(super) fn end(&mut self, entry: Entry) -> bool {
        let end = self.advance(entry.value());
        let Some(place) = self.frames.find(entry) else {
            self.began_before += 1;
            return false;
        };
        let cpu_clock = self.pending.take_cpu_clock(entry.site());
        self.finish(end, place);
        self.frames.end_cpu_time(cpu_clock);
        true
    }

    #[inline]
    fn finish(&mut self, end: u64, place: Place) {
        let holder = if let Place::Aside(at) = place { self.frames.holder(at) } else { None };
        let around = self.frames.end(place);
        if let Some(holder) = holder {
            self.frames.finish_aside(end, around, holder, &mut self.tasks);
        } else if self.crosses {
            self.frames.finish_among_crossing(end, around, &mut self.tasks);
        } else {
            self.frames.finish(end, around);
        }
        if let Place::Inside(at) = place {
            self.frames.hand_over(at, self.next_id);
            self.frames.refresh(at);
        }
    }

    /// Ends what is open at the end of the stream: with the recording, innermost first.
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
        self.finish(self.timeline.end().max(self.now), place);
        self.frames.end_cpu_time(None);
        self.frames.ended().map(|frame| Event::Slice(&frame.slice))
    }
}

/// The range that has just ended lies inside the first `around` of those that are open.
impl Nest<Frame> {
    /// Completes its slice on a thread on which no ranges cross.
    #[inline]
    fn finish(&mut self, end: u64, around: usize) {
        let Some((Frame { slice, .. }, open)) = self.ended_mut() else { return };
        let Some(open) = open.get_mut(..around) else { return };
        (slice.end, slice.until) = (end, end);
        let duration = slice.duration();
        if let Some(Frame { slice: outer, .. }) = open.last_mut() {
            hand_up(slice, outer);
            outer.children_ns += duration;
        }
        if slice.is_stage()
            && let Some(Frame { slice: outer, .. }) = innermost_stage(open)
        {
            slice.lies_in(outer);
            if slice.task.is_none() {
                outer.stage_children_ns += duration;
            }
        }
    }

    /// Completes its slice on a thread on which ranges cross. `tasks` has what stages cover of tasks, by the task's number.
    #[cold]
    fn finish_among_crossing(&mut self, end: u64, around: usize, tasks: &mut HashMap<u64, Cover>) {
        let oldest = self.oldest(around, end);
        self.leave(end, oldest, tasks);
        self.complete(end, around);
        let Some((Frame { slice, .. }, open)) = self.ended_mut() else { return };
        let Some(open) = open.get_mut(..around) else { return };
        // A poll that began later goes around what is held over polls: around that part of it.
        if let Some(outer) = open.last_mut() {
            outer.cover((slice.begin, end), slice.away_ns, oldest);
        }
        if !slice.is_stage() {
            return;
        }
        let Some(Frame { slice: outer, covers, .. }) = innermost_stage(open) else { return };
        slice.lies_in(outer);
        if slice.task.is_none() {
            let cover = match outer.task {
                Some(poll) => tasks.entry(poll.task).or_default(),
                None => &mut covers.get_or_insert_default().stages,
            };
            outer.stage_children_ns += cover.add(slice.begin, end, oldest);
        }
    }

    /// Completes its slice, which was set aside: directly inside a stage of the same task, or the task itself.
    #[cold]
    fn finish_aside(&mut self, end: u64, around: usize, holder: Holder, tasks: &mut HashMap<u64, Cover>) {
        let oldest = self.oldest(around, end);
        self.complete(end, around);
        let Some(begin) = self.ended().filter(|frame| frame.slice.is_stage()).map(|frame| frame.slice.begin) else {
            return;
        };
        let (mut key, mut request, mut covers_life_ns) = (0, 0, 0);
        if let Some((_, Frame { slice, covers, .. })) = holder.stage.and_then(|at| self.aside_mut().get_mut(at)) {
            (key, request) = (slice.key(), slice.request_around());
            slice.stage_children_ns += covers.get_or_insert_default().stages.add(begin, end, oldest);
        } else if let Some(cover) = tasks.get_mut(&holder.task) {
            key = requests::key(0, Some(holder.task));
            covers_life_ns = cover.add(begin, end, oldest);
        }
        if let Some((Frame { slice, .. }, _)) = self.ended_mut() {
            (slice.stage_around, slice.stage_request, slice.covers_life_ns) = (key, request, covers_life_ns);
        }
    }

    /// Lets what is held over a poll wait from its end on: until then that has covered the poll since it began.
    fn leave(&mut self, now: u64, oldest: u64, tasks: &mut HashMap<u64, Cover>) {
        let Some(task) = self.ended().and_then(Opened::task) else { return };
        let held = self.aside_mut().iter_mut().filter(|(of, _)| *of == task);
        let Some(first) = held.filter_map(|(_, frame)| frame.wait(now)).min() else { return };
        let Some((poll, _)) = self.ended_mut() else { return };
        poll.cover((first, now), 0, oldest);
        if poll.slice.is_stage() {
            tasks.entry(task).or_default();
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

    /// Returns what is around the range that is set aside at this place.
    #[cold]
    fn holder(&mut self, at: usize) -> Option<Holder> {
        let task = self.aside_mut().get(at)?.0;
        let before = self.aside_mut().get(..at)?;
        let stage = before.iter().rposition(|(of, frame)| *of == task && frame.slice.is_stage());
        Some(Holder { task, stage })
    }

    /// Subtracts the thread's CPU clock at its begin from the one at its end.
    #[inline]
    fn end_cpu_time(&mut self, clock: Option<u64>) {
        if let Some((Frame { slice, .. }, _)) = self.ended_mut()
            && let Some(begin) = slice.cpu_ns
        {
            // The thread's clock went on while its task waited.
            let clock = clock.filter(|_| slice.away_ns == 0);
            slice.cpu_ns = clock.map(|end| end.saturating_sub(begin).min(slice.duration()));
        }
    }

    /// Notes when the last range to begin took its place, as in `step = step!(…)`; `next_id` is that of the next range.
    fn hand_over(&mut self, around: usize, next_id: u64) {
        let Some((Frame { slice, .. }, open)) = self.ended_mut() else { return };
        if let Some([next]) = open.get(around..)
            && next.slice.external_id + 1 == next_id
        {
            slice.until = next.slice.begin;
        }
    }

    /// Returns the first begin of those that may still end inside the first `around`; `now` if there are none.
    fn oldest(&mut self, around: usize, now: u64) -> u64 {
        let aside = self.aside_mut().iter().map(|(_, frame)| frame.slice.begin).min();
        let above = self.open().get(around..).unwrap_or_default().iter().map(|frame| frame.slice.begin).min();
        aside.into_iter().chain(above).min().unwrap_or(now)
    }
}

/// Adds the memory of what ended to that of the range around it.
#[inline]
fn hand_up(slice: &mut Slice, outer: &mut Slice) {
    outer.cpu_memory.total += slice.cpu_memory.total;
    outer.device_memory.total += slice.device_memory.total;
    slice.around_id = outer.external_id;
}

#[inline]
fn innermost_stage(open: &mut [Frame]) -> Option<&mut Frame> {
    open.iter_mut().rev().find(|frame| frame.slice.is_stage())
}
