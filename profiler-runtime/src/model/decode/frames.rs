//! An open range on its way to a slice: what is around ranges that begin in it, and what those inside it cover.
//!
//! A slice is made, shown and replaced where it lies: it is large, and moving it from place to place would cost as much as
//! everything else that decoding does.

use std::collections::HashMap;

use crate::model::requests::{self, InRequest};
use crate::model::slice::Slice;
use crate::model::stages::{NodeId, StageTree};
use crate::record::Kind;
use crate::record::entry::Entry;

use super::cover::Cover;
use super::crossing::Outer;
use super::nest::{Nest, Opened};

/// An open range.
pub(super) struct Frame {
    pub(super) slice: Slice,
    pub(super) begin: Entry,
    /// What is around a range that begins now, directly inside this one.
    pub(super) inside: Inside,
    /// The child site seen last and its node: most children are of one site.
    pub(super) child: Option<(u32, NodeId)>,
    /// On a thread on which ranges cross: what those directly inside it cover.
    covers: Option<Box<Covers>>,
    /// Since when it waits with its task for the next poll; 0 if it does not.
    left_at: u64,
}

/// What a range that is set aside is in.
#[derive(Clone, Copy)]
pub(super) struct Holder {
    task: u64,
    /// The place of the innermost stage around it that is set aside too.
    stage: Option<usize>,
}

/// All slices, and stages and steps alone.
#[derive(Default)]
struct Covers {
    all: Cover,
    stages: Cover,
}

/// The innermost stage and request around a range that begins.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    pub(super) node: NodeId,
    /// `External id` of the stage's range, 0 without one.
    pub(super) stage_id: u64,
    pub(super) request: Option<InRequest>,
}

impl Inside {
    /// In no range.
    pub(super) const NOTHING: Self = Self { node: StageTree::ROOT, stage_id: 0, request: None };

    /// Returns what is around a range that begins in `slice`, which lies in `self`.
    #[inline]
    pub(super) fn of(self, slice: &Slice) -> Self {
        match slice.site.kind() {
            Kind::Stage | Kind::Step => Self { node: slice.node, stage_id: slice.external_id, ..self },
            Kind::Op => self,
            Kind::Request => Self { request: Some(self.request_of(slice)), ..self },
        }
    }

    fn request_of(self, slice: &Slice) -> InRequest {
        InRequest { opened_in: self.node, key: slice.key() }
    }
}

impl Frame {
    #[inline]
    pub(super) const fn new(slice: Slice, begin: Entry, inside: Inside) -> Self {
        Self { slice, begin, inside, child: None, covers: None, left_at: 0 }
    }
}

impl Frame {
    /// A range directly inside it ran from `begin`, or before it, to `end`.
    fn covered(&mut self, begin: u64, end: u64, oldest: u64) {
        let all = &mut self.covers.get_or_insert_default().all;
        self.slice.children_ns += all.add(begin.max(self.slice.begin), end, oldest);
    }

    fn stop_waiting(&mut self, now: u64) {
        if self.left_at > 0 {
            self.slice.away_ns += now.saturating_sub(self.left_at);
            self.left_at = 0;
        }
    }
}

impl Opened for Frame {
    #[inline]
    fn begin(&self) -> Entry {
        self.begin
    }

    #[inline]
    fn id(&self) -> u64 {
        self.slice.external_id
    }

    fn task(&self) -> Option<u64> {
        self.slice.task.map(|poll| poll.task)
    }
}

impl Nest<Frame> {
    /// Finds the open range with this name.
    pub(super) fn place_of(&self, outer: Outer) -> Option<usize> {
        self.open().iter().rposition(|frame| Outer::of(frame) == outer)
    }

    /// Ranges from this place on lie in others than before: what is around ranges to come is found anew.
    #[cold]
    pub(super) fn refresh(&mut self, from: usize) {
        let open = self.open_mut();
        let mut inside = open.get(..from).and_then(<[Frame]>::last).map_or(Inside::NOTHING, |frame| frame.inside);
        for frame in open.iter_mut().skip(from) {
            inside = inside.of(&frame.slice);
            (frame.inside, frame.child) = (inside, None);
        }
    }

    /// Ranges from this place on, which waited with a task, run again.
    #[cold]
    pub(super) fn come_back(&mut self, from: usize, now: u64) {
        for frame in self.open_mut().iter_mut().skip(from) {
            frame.stop_waiting(now);
        }
    }

    /// A poll of `task` ends. Returns when the first of those began that are held over it, if any are.
    fn leave(&mut self, task: u64, now: u64) -> Option<u64> {
        let held = self.aside_mut().iter_mut().filter(|(of, frame)| *of == task && frame.left_at == 0);
        held.map(|(_, frame)| {
            frame.left_at = now;
            frame.slice.begin
        })
        .min()
    }

    /// The range that has just ended, at `end`, lies inside the first `around` of those that are open, and crosses none.
    #[inline]
    pub(super) fn finish(&mut self, end: u64, around: usize) {
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
            slice.stage_around = outer.key();
            if slice.task.is_none() {
                outer.stage_children_ns += duration;
            }
        }
    }

    /// [`finish`](Self::finish) on a thread on which ranges cross. `tasks` has what their stages cover of tasks, by number.
    #[cold]
    pub(super) fn finish_among_crossing(&mut self, end: u64, around: usize, tasks: &mut HashMap<u64, Cover>) {
        let oldest = self.oldest(around, end);
        let task = self.ended().and_then(Opened::task);
        let held = task.and_then(|task| self.leave(task, end));
        let Some((ended, open)) = self.ended_mut() else { return };
        let Some(open) = open.get_mut(..around) else { return };
        ended.stop_waiting(end);
        if let Some(first) = held {
            ended.covered(first, end, oldest);
            if let (true, Some(task)) = (ended.slice.is_stage(), task) {
                tasks.entry(task).or_default();
            }
        }
        let slice = &mut ended.slice;
        (slice.end, slice.until) = (end, end);
        if let Some(Frame { slice: outer, .. }) = open.last_mut() {
            hand_up(slice, outer);
        }
        // A poll that began later goes around what is held over polls: around that part of it.
        if let Some(outer) = open.last_mut() {
            outer.covered(slice.begin, end, oldest);
        }
        if !slice.is_stage() {
            return;
        }
        let Some(Frame { slice: outer, covers, .. }) = innermost_stage(open) else { return };
        slice.stage_around = outer.key();
        if slice.task.is_none() {
            let cover = match outer.task {
                Some(poll) => tasks.entry(poll.task).or_default(),
                None => &mut covers.get_or_insert_default().stages,
            };
            outer.stage_children_ns += cover.add(slice.begin, end, oldest);
        }
    }

    /// Returns what holds the range that is set aside at this place: the task, and the place of the stage within that.
    #[cold]
    pub(super) fn holder(&mut self, at: usize) -> Option<Holder> {
        let task = self.aside_mut().get(at)?.0;
        let before = self.aside_mut().get(..at)?;
        let stage = before.iter().rposition(|(of, frame)| *of == task && frame.slice.is_stage());
        Some(Holder { task, stage })
    }

    /// The range that has just ended, at `end`, was set aside: it is directly inside a stage of the same task, or the task.
    #[cold]
    pub(super) fn finish_aside(&mut self, end: u64, around: usize, held: Holder, tasks: &mut HashMap<u64, Cover>) {
        let oldest = self.oldest(around, end);
        let Some((ended, open)) = self.ended_mut() else { return };
        ended.stop_waiting(end);
        (ended.slice.end, ended.slice.until) = (end, end);
        if let Some(Frame { slice: outer, .. }) = open.get_mut(..around).and_then(<[Frame]>::last_mut) {
            hand_up(&mut ended.slice, outer);
        }
        let begin = ended.slice.begin;
        if !ended.slice.is_stage() {
            return;
        }
        let (mut key, mut covers_life_ns) = (0, 0);
        if let Some((_, Frame { slice, covers, .. })) = held.stage.and_then(|at| self.aside_mut().get_mut(at)) {
            key = slice.key();
            slice.stage_children_ns += covers.get_or_insert_default().stages.add(begin, end, oldest);
        } else if let Some(cover) = tasks.get_mut(&held.task) {
            key = requests::key(0, Some(held.task));
            covers_life_ns = cover.add(begin, end, oldest);
        }
        if let Some((Frame { slice, .. }, _)) = self.ended_mut() {
            (slice.stage_around, slice.covers_life_ns) = (key, covers_life_ns);
        }
    }

    /// The range that has just ended had the thread's CPU clock at its begin, and has this at its end.
    #[inline]
    pub(super) fn end_cpu_time(&mut self, clock: Option<u64>) {
        if let Some((Frame { slice, .. }, _)) = self.ended_mut()
            && let Some(begin) = slice.cpu_ns
        {
            // What its thread did while its task waited is not its own.
            let clock = clock.filter(|_| slice.away_ns == 0);
            slice.cpu_ns = clock.map(|end| end.saturating_sub(begin).min(slice.duration()));
        }
    }

    /// If the range that has just ended gave way to the last that began (`next_id` is that of the next), notes when.
    pub(super) fn hand_over(&mut self, around: usize, next_id: u64) {
        let Some((Frame { slice, .. }, open)) = self.ended_mut() else { return };
        if let Some([next]) = open.get(around..)
            && next.slice.external_id + 1 == next_id
        {
            slice.until = next.slice.begin;
        }
    }

    /// When the first of those began that may still end inside the first `around`; `now` if there are none.
    fn oldest(&mut self, around: usize, now: u64) -> u64 {
        let aside = self.aside_mut().iter().map(|(_, frame)| frame.slice.begin).min();
        let above = self.open().get(around..).unwrap_or_default().iter().map(|frame| frame.slice.begin).min();
        aside.into_iter().chain(above).min().unwrap_or(now)
    }
}

/// What ended is part of what is around it.
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
