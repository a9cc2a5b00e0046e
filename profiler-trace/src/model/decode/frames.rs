//! An open range that becomes a slice: the surroundings of ranges that begin in it, and what those
//! inside it cover.
//!
//! A slice is made, shown and replaced where it lies: it is large, and moving it from place to
//! place would cost as much as everything else that decoding does.

use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::values::NodeId;
use profiler_core::site::Kind;
use profiler_core::stream::entry::Entry;

use super::cover::Cover;
use super::crossing::{Crossing, Outer};
use super::nest::{Nest, Opened};

/// An open range.
pub(super) struct Frame {
    pub(super) slice: Slice,
    pub(super) begin: Entry,
    /// Surroundings of a range that begins now, directly inside this one.
    pub(super) inside: Inside,
    /// Site and node of the child seen last: most children are of one site.
    pub(super) child: Option<(u32, NodeId)>,
    /// State that is needed only where ranges cross.
    among: Option<Box<Among>>,
}

/// State of a range on a thread on which ranges cross.
struct Among {
    /// Time that the ranges directly inside it cover.
    covers: Cover,
    /// Moment since which its thread has run it: its begin, or that of the last poll of the task
    /// that it is held over.
    ran_from: u64,
    /// Begin of its wait for the next poll of its task; 0 if it does not wait.
    left_at: u64,
    /// End in ticks of a range that crosses others, see [`Crossing`]; else 0.
    ends: u64,
}

/// The innermost stage and request around a range that begins.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    pub(super) node: NodeId,
    /// `External id` of the stage's range, 0 without one.
    pub(super) stage_id: u64,
    /// Key of the request, 0 without one.
    pub(super) request: u64,
}

impl Inside {
    /// Surroundings of a range that is in no other.
    pub(super) const NOTHING: Self = Self { node: StageTree::ROOT, stage_id: 0, request: 0 };

    /// Returns the surroundings of a range that begins in `slice`, whose own are `self`.
    #[inline]
    pub(super) fn of(self, slice: &Slice) -> Self {
        match slice.site.kind() {
            Kind::Request => Self { request: slice.key(), ..self },
            kind if kind.is_stage() => Self { node: slice.node, stage_id: slice.external_id, ..self },
            _ => self,
        }
    }
}

impl Frame {
    #[inline(always)]
    pub(super) const fn new(slice: Slice, begin: Entry, inside: Inside) -> Self {
        Self { slice, begin, inside, child: None, among: None }
    }

    fn among(&mut self) -> &mut Among {
        let ran_from = self.slice.begin;
        self.among.get_or_insert_with(|| Box::new(Among { covers: Cover::default(), ran_from, left_at: 0, ends: 0 }))
    }

    /// Returns the moment since which its thread has run it.
    pub(super) fn ran_from(&self) -> u64 {
        self.among.as_ref().map_or(self.slice.begin, |among| among.ran_from)
    }

    /// Returns its end in ticks if it crosses others, else 0.
    pub(super) fn ends(&self) -> u64 {
        self.among.as_ref().map_or(0, |among| among.ends)
    }

    /// Covers a part of it: a range directly inside it ran from `begin` to `end`; `oldest` is
    /// before all later parts.
    pub(super) fn cover(&mut self, (begin, end): (u64, u64), oldest: u64) {
        let begin = begin.max(self.slice.begin);
        self.slice.children_ns += self.among().covers.add(begin, end, oldest);
    }

    /// Lets it wait with its task. Returns the part in which it ran until now, if it ran.
    pub(super) fn wait(&mut self, now: u64) -> Option<(u64, u64)> {
        let among = self.among();
        let ran = among.left_at == 0;
        if ran {
            among.left_at = now;
        }
        ran.then_some((among.ran_from, now))
    }

    /// Ends its wait, if it waits.
    pub(super) fn run_again(&mut self, now: u64) {
        if let Some(among) = self.among.as_mut().filter(|among| among.left_at > 0) {
            self.slice.away_ns += now.saturating_sub(among.left_at);
            (among.ran_from, among.left_at) = (now, 0);
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
    /// Notes that the range which has just begun crosses others; `stage` is the key and the request
    /// of the one directly around it.
    #[cold]
    pub(super) fn cross(&mut self, Crossing { lane, ends, .. }: Crossing, stage: (u64, u64)) {
        if let Some(frame) = self.open_mut().last_mut() {
            (frame.slice.crosses, frame.slice.lane) = (true, lane);
            (frame.slice.stage_around, frame.slice.stage_request) = stage;
            frame.among().ends = ends;
        }
    }

    /// Returns the place of the open range with this name.
    pub(super) fn place_of(&self, outer: Outer) -> Option<usize> {
        self.open().iter().rposition(|frame| Outer::of(frame) == outer)
    }

    /// Recomputes the surroundings of later ranges: those from this place on lie in other ranges
    /// than before.
    #[cold]
    pub(super) fn refresh(&mut self, from: usize) {
        let open = self.open_mut();
        let mut inside = open.get(..from).and_then(<[Frame]>::last).map_or(Inside::NOTHING, |frame| frame.inside);
        for frame in open.iter_mut().skip(from) {
            inside = inside.of(&frame.slice);
            (frame.inside, frame.child) = (inside, None);
        }
    }

    /// Lets ranges from this place on, which waited with a task, run again where they lie now.
    #[cold]
    pub(super) fn come_back(&mut self, from: usize, now: u64) {
        for frame in self.open_mut().iter_mut().skip(from) {
            frame.run_again(now);
        }
        self.refresh(from);
    }
}
