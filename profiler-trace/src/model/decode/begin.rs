//! The begin of a range: where it lies, as far as its end cannot change that.
//!
//! The stage and the request around a range are those around the innermost open range, unless it is
//! known to cross ([`Crossing`]): then the first reading has also found those that are open at its
//! end.

use crate::model::slice::{Poll, Slice};
use crate::model::values::{NetBytes, NodeId};
use profiler_core::site::Site;
use profiler_core::stream::entry::Entry;

use super::Decoder;
use super::call_builder::Said;
use super::crossing::{Crossing, Outer};
use super::event::Nodes;
use super::frames::{Frame, Inside};

impl Decoder<'_> {
    /// Begins a range. Returns its place; `None` if its site is unknown.
    #[inline]
    pub(super) fn begin(&mut self, entry: Entry, nodes: &mut impl Nodes) -> Option<usize> {
        let begin = self.advance(entry.value());
        let number = entry.site();
        let Some(&site) = self.sites.get((number as usize).wrapping_sub(1)) else {
            self.unreadable += 1;
            return None;
        };
        // Most ranges have no description and are on a thread without crossings: a copy of `open`
        // for these is short.
        if self.pending.is_empty() && !self.crosses {
            let (inside, node) = self.enter((number, site), None, nodes);
            Some(self.open((entry, site, begin), inside, (inside, node), Said::default()))
        } else {
            Some(self.begin_with_all(entry, site, begin, nodes))
        }
    }

    /// Begins a range that has a description, or is on a thread with crossing ranges. Returns its
    /// place.
    #[inline(never)]
    fn begin_with_all(&mut self, entry: Entry, site: &'static Site, begin: u64, nodes: &mut impl Nodes) -> usize {
        let number = entry.site();
        let said = self.pending.take(number);
        let task = said.task;
        let Some(crossing) = self.next_crossing() else {
            let (inside, node) = self.enter((number, site), task, nodes);
            let place = self.open((entry, site, begin), inside, (inside, node), said);
            self.resume(task, place);
            return place;
        };
        let inside = self.frames.innermost().map_or(Inside::NOTHING, |frame| frame.inside);
        let (around, stage) = self.around(crossing);
        let node = match task {
            Some(poll) => nodes.enter_poll(poll, around.node, site),
            None => nodes.enter(around.node, site),
        };
        let place = self.open((entry, site, begin), inside, (around, node), said);
        self.frames.cross(crossing, stage);
        self.resume(task, place);
        place
    }

    /// Opens a range; `inside` are the innermost stage and request, and it lies in `around`.
    /// Returns its place.
    #[inline(always)]
    fn open(
        &mut self,
        (entry, site, begin): (Entry, &'static Site, u64),
        inside: Inside,
        (around, node): (Inside, NodeId),
        Said { task, call, cpu_ns }: Said,
    ) -> usize {
        let external_id = self.next_id;
        self.next_id += 1;
        self.clipped += u64::from(self.is_carry);
        let stage_id = if site.is_stage() { external_id } else { around.stage_id };
        let slice = Slice {
            site,
            begin,
            end: begin,
            until: begin,
            lane: 0,
            external_id,
            node,
            stage_id,
            around_id: 0,
            request: around.request,
            stage_around: 0,
            stage_request: 0,
            children_ns: 0,
            away_ns: 0,
            stage_children_ns: 0,
            crosses: false,
            cpu_ns,
            cpu_memory: NetBytes::default(),
            device_memory: NetBytes::default(),
            finished: true,
            clipped: self.is_carry,
            task,
            call,
        };
        let inside = inside.of(&slice);
        let place = self.frames.open().len();
        // The description of the range that has ended there can be used again.
        if let Some(call) = self.frames.push(Frame::new(slice, entry, inside)).and_then(|ended| ended.slice.call) {
            self.pending.reuse(call);
        }
        place
    }

    /// Puts the ranges that a task set aside back inside its poll, which has just begun.
    fn resume(&mut self, task: Option<Poll>, place: usize) {
        if let Some(poll) = task
            && !self.frames.is_all_here()
            && self.frames.resume(poll.task)
        {
            self.frames.come_back(place + 1, self.now);
        }
    }

    /// Returns the surroundings of a range that begins now and crosses no other, and its node.
    #[inline]
    fn enter(
        &mut self,
        (number, site): (u32, &'static Site),
        task: Option<Poll>,
        nodes: &mut impl Nodes,
    ) -> (Inside, NodeId) {
        let (inside, last) = match self.frames.innermost() {
            Some(frame) => (frame.inside, &mut frame.child),
            None => (Inside::NOTHING, &mut self.outermost),
        };
        let node = match (task, *last) {
            (Some(poll), _) => nodes.enter_poll(poll, inside.node, site),
            (None, Some((known, node))) if known == number => node,
            (None, _) => {
                let node = nodes.enter(inside.node, site);
                *last = Some((number, node));
                node
            }
        };
        (inside, node)
    }

    /// Returns the range that begins now if it crosses others.
    fn next_crossing(&mut self) -> Option<Crossing> {
        let (first, rest) = self.crossings.split_first().filter(|(first, _)| first.id == self.next_id)?;
        self.crossings = rest;
        Some(*first)
    }

    /// Returns the surroundings of a range that crosses others, and key and request of the stage
    /// directly around it.
    #[cold]
    fn around(&self, Crossing { around, .. }: Crossing) -> (Inside, (u64, u64)) {
        let place = |outer: Option<Outer>| self.frames.open().get(self.frames.place_of(outer?)?);
        let request = place(around.request).map_or(0, |frame| frame.inside.request);
        match place(around.stage) {
            Some(Frame { inside, slice, .. }) => (Inside { request, ..*inside }, (slice.key(), slice.request)),
            None => (Inside { request, ..Inside::NOTHING }, (0, 0)),
        }
    }
}
