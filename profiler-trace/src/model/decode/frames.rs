//! An open range that becomes a slice: its surroundings, and the part of it that inner ranges
//! cover.
//!
//! A slice is built, emitted and replaced in place: it is large, and moving it would cost as much
//! as all other work of decoding.

use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::values::NodeId;
use profiler_core::site::Kind;
use profiler_core::stream::entry::Entry;

use super::crossing::{Crossing, Outer};
use super::nest::{Nest, Opened};
use crate::model::intervals::Cover;

/// An open range.
pub(super) struct Frame {
    pub(super) slice: Slice,
    pub(super) begin: Entry,
    /// Surroundings of ranges that start directly inside this one.
    pub(super) inside: Surroundings,
    /// Site and node of the last child: most children have the same site.
    pub(super) child: Option<(u32, NodeId)>,
    /// State that only crossing ranges need.
    crossing: Option<Box<CrossingState>>,
}

/// State of a range on a thread with crossing ranges.
struct CrossingState {
    /// Union of the ranges directly inside it.
    covers: Cover,
    /// Time since which its thread has run it: its start, or that of the last poll of the task over
    /// which it is held.
    running_since: u64,
    /// Time since which it waits for its task's next poll; 0 if it does not wait.
    paused_at: u64,
    /// End in ticks of a range that crosses others, see [`Crossing`]; 0 for other ranges.
    end_ticks: u64,
}

/// Innermost stage and request around a range that starts.
#[derive(Clone, Copy)]
pub(super) struct Surroundings {
    pub(super) node: NodeId,
    /// `External id` of the stage's range; 0 if there is none.
    pub(super) stage_id: u64,
    /// Key of the request; 0 if there is none.
    pub(super) request: u64,
}

impl Surroundings {
    /// Surroundings of an outermost range.
    pub(super) const NONE: Self = Self { node: StageTree::ROOT, stage_id: 0, request: 0 };

    /// Returns the surroundings of a range that starts in `slice`, whose own surroundings are
    /// `self`.
    #[inline]
    pub(super) fn within(self, slice: &Slice) -> Self {
        match slice.site.kind() {
            Kind::Request => Self { request: slice.key(), ..self },
            kind if kind.is_stage() => Self { node: slice.node, stage_id: slice.external_id, ..self },
            _ => self,
        }
    }
}

impl Frame {
    #[inline(always)]
    pub(super) const fn new(slice: Slice, begin: Entry, inside: Surroundings) -> Self {
        Self { slice, begin, inside, child: None, crossing: None }
    }

    fn crossing(&mut self) -> &mut CrossingState {
        let running_since = self.slice.begin;
        self.crossing.get_or_insert_with(|| {
            Box::new(CrossingState { covers: Cover::default(), running_since, paused_at: 0, end_ticks: 0 })
        })
    }

    /// Returns the time since which its thread has run it.
    pub(super) fn running_since(&self) -> u64 {
        self.crossing.as_ref().map_or(self.slice.begin, |state| state.running_since)
    }

    /// Returns its end in ticks if it crosses others, otherwise 0.
    pub(super) fn end_ticks(&self) -> u64 {
        self.crossing.as_ref().map_or(0, |state| state.end_ticks)
    }

    /// Adds the time from `begin` to `end`, in which a range directly inside it ran, to the covered
    /// part. Later parts start after `oldest`.
    pub(super) fn cover(&mut self, (begin, end): (u64, u64), oldest: u64) {
        let begin = begin.max(self.slice.begin);
        self.slice.children_ns += self.crossing().covers.add(begin, end, oldest);
    }

    /// Pauses it with its task. Returns the time span since it last started to run, if it was
    /// running.
    pub(super) fn pause(&mut self, now: u64) -> Option<(u64, u64)> {
        let state = self.crossing();
        let ran = state.paused_at == 0;
        if ran {
            state.paused_at = now;
        }
        ran.then_some((state.running_since, now))
    }

    /// Resumes it if it is paused.
    pub(super) fn resume(&mut self, now: u64) {
        if let Some(state) = self.crossing.as_mut().filter(|state| state.paused_at > 0) {
            self.slice.away_ns += now.saturating_sub(state.paused_at);
            (state.running_since, state.paused_at) = (now, 0);
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
    /// Marks the range that has just started as crossing others; `stage` is the key and the request
    /// of the stage directly around it.
    #[cold]
    pub(super) fn cross(&mut self, Crossing { lane, ends, .. }: Crossing, stage: (u64, u64)) {
        if let Some(frame) = self.open_mut().last_mut() {
            (frame.slice.crosses, frame.slice.lane) = (true, lane);
            (frame.slice.stage_around, frame.slice.stage_request) = stage;
            frame.crossing().end_ticks = ends;
        }
    }

    /// Returns the index of the open range that `outer` refers to.
    pub(super) fn find_outer(&self, outer: Outer) -> Option<usize> {
        self.open().iter().rposition(|frame| Outer::new(frame) == outer)
    }

    /// Recomputes the surroundings of later ranges after the frames from this index on moved into
    /// other ranges.
    #[cold]
    pub(super) fn refresh(&mut self, from: usize) {
        let open = self.open_mut();
        let mut inside = open.get(..from).and_then(<[Frame]>::last).map_or(Surroundings::NONE, |frame| frame.inside);
        for frame in open.iter_mut().skip(from) {
            inside = inside.within(&frame.slice);
            (frame.inside, frame.child) = (inside, None);
        }
    }

    /// Resumes the ranges from this index on, which were paused with a task, in their new position.
    #[cold]
    pub(super) fn resume_from(&mut self, from: usize, now: u64) {
        for frame in self.open_mut().iter_mut().skip(from) {
            frame.resume(now);
        }
        self.refresh(from);
    }
}
