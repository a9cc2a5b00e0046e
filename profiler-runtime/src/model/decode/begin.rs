//! The begin of a range: where it lies, as far as its end cannot change that.
//!
//! The stage and the request around a range are those around the innermost open one, unless it is known to cross
//! ([`Crossing`]): then the first reading has found the ones that are open at its end, too.

use crate::model::slice::{NetBytes, Poll, Slice};
use crate::model::stages::{NodeId, StageTree};
use crate::record::entry::Entry;
use crate::record::{Kind, Site};

use super::Decoder;
use super::crossing::{Crossing, Outer};
use super::event::Nodes;
use super::frames::{Frame, Inside};

/// Surroundings of a range that begins.
#[derive(Clone, Copy)]
struct Around {
    inside: Inside,
    lane: u32,
    node: NodeId,
    /// Key and request of the stage directly around it, where that is not found at its end.
    stage: (u64, u64),
    /// Of one that crosses others: see [`Crossing`].
    ends: u64,
}

impl Around {
    const NOTHING: Self = Self { inside: Inside::NOTHING, lane: 0, node: StageTree::ROOT, stage: (0, 0), ends: 0 };
}

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
        let (task, call) = if self.pending.is_empty() { (None, None) } else { self.pending.take(number) };
        let inside = self.frames.open().last().map_or(Inside::NOTHING, |frame| frame.inside);
        let crosses = self.crossings.first().is_some_and(|crossing| crossing.id == self.next_id);
        let Around { inside: around, lane, node, stage, ends } = self.enter((number, site), task, crosses, nodes);
        let external_id = self.next_id;
        self.next_id += 1;
        // The clock at its begin, until it ends.
        let cpu_ns = self.pending.take_cpu_clock(number);
        let stage_id = match site.kind() {
            Kind::Stage | Kind::Step => external_id,
            Kind::Op | Kind::Request => around.stage_id,
        };
        self.clipped += u64::from(self.is_carry);
        let slice = Slice {
            site,
            begin,
            end: begin,
            until: begin,
            lane,
            external_id,
            node,
            stage_id,
            around_id: 0,
            request: around.request,
            stage_around: stage.0,
            stage_request: stage.1,
            children_ns: 0,
            away_ns: 0,
            stage_children_ns: 0,
            crosses,
            cpu_ns,
            cpu_memory: NetBytes::default(),
            device_memory: NetBytes::default(),
            finished: true,
            clipped: self.is_carry,
            task,
            call,
        };
        let inside = inside.of(&slice);
        Some(self.open(Frame::new(slice, entry, inside, ends)))
    }

    /// Opens a range, with what its task has set aside inside it. Returns its place.
    // A frame is large: it is made where it lies only if this and `push` are part of `begin`.
    #[inline(always)]
    fn open(&mut self, frame: Frame) -> usize {
        // What the range said that has ended there can be used again.
        if let Some((ended, _)) = self.frames.ended_mut()
            && let Some(call) = ended.slice.call.take()
        {
            self.pending.reuse(call);
        }
        let (place, task) = (self.frames.open().len(), frame.slice.task);
        self.frames.push(frame);
        if let Some(poll) = task
            && !self.frames.is_all_here()
            && self.frames.resume(poll.task)
        {
            self.frames.come_back(place + 1, self.now);
        }
        place
    }

    /// Returns what is around the range that begins, from its begin to its end.
    #[inline]
    fn enter(
        &mut self,
        (number, site): (u32, &'static Site),
        task: Option<Poll>,
        crosses: bool,
        nodes: &mut impl Nodes,
    ) -> Around {
        if crosses {
            let around = self.crossing();
            let node = match task {
                Some(poll) => nodes.enter_poll(poll, around.node, site),
                None => nodes.enter(around.node, site),
            };
            return Around { node, ..around };
        }
        let (inside, last) = match self.frames.open_mut().last_mut() {
            Some(frame) => (frame.inside, &mut frame.child),
            None => (Inside::NOTHING, &mut self.outermost),
        };
        let node = match (task, *last) {
            (Some(poll), _) => nodes.enter_poll(poll, inside.node, site),
            (None, Some((site, node))) if site == number => node,
            (None, _) => {
                let node = nodes.enter(inside.node, site);
                *last = Some((number, node));
                node
            }
        };
        Around { inside, node, ..Around::NOTHING }
    }

    /// Returns what is around the range that begins, which crosses others; its node is the stage's.
    #[cold]
    fn crossing(&mut self) -> Around {
        let Some((Crossing { around, lane, ends, .. }, rest)) = self.crossings.split_first() else {
            return Around::NOTHING;
        };
        self.crossings = rest;
        let place = |outer: Option<Outer>| self.frames.open().get(self.frames.place_of(outer?)?);
        let request = place(around.request).and_then(|frame| frame.inside.request);
        let (inside, lane, ends) = (Inside { request, ..Inside::NOTHING }, *lane, *ends);
        let nothing = Around { inside, lane, ends, ..Around::NOTHING };
        place(around.stage).map_or(nothing, |Frame { inside, slice, .. }| Around {
            inside: Inside { request, ..*inside },
            node: inside.node,
            stage: (slice.key(), slice.request_around()),
            ..nothing
        })
    }
}
