//! The start of a range: finds its surroundings, as far as the end cannot change them.
//!
//! A range is in the stage and the request of the innermost open range, unless it is known to cross
//! another range ([`Crossing`]). Then the first reading has found the stage and the request that
//! are also open at its end.

use crate::model::slice::{Poll, Slice};
use crate::model::values::{NetBytes, NodeId};
use profiler_core::site::Site;
use profiler_core::stream::entry::Entry;

use super::Decoder;
use super::call_builder::Description;
use super::crossing::{Crossing, Outer};
use super::event::Nodes;
use super::frames::{Frame, Surroundings};

impl Decoder<'_> {
    /// Starts a range. Returns its index among the open ranges; `None` if its site is unknown.
    #[inline]
    pub(super) fn begin(&mut self, entry: Entry, nodes: &mut impl Nodes) -> Option<usize> {
        let begin = self.advance(entry.value());
        let number = entry.site();
        let Some(&site) = self.sites.get((number as usize).wrapping_sub(1)) else {
            self.unreadable += 1;
            return None;
        };
        // Most ranges have no description and are on a thread without crossings: inlining `open`
        // for these gives a short copy of it.
        if self.next_call.is_empty() && !self.crosses {
            let (inside, node) = self.enter((number, site), None, nodes);
            Some(self.open((entry, site, begin), inside, (inside, node), Description::default()))
        } else {
            Some(self.begin_slow(entry, site, begin, nodes))
        }
    }

    /// Starts a range with a description, or on a thread with crossing ranges. Returns its index.
    #[inline(never)]
    fn begin_slow(&mut self, entry: Entry, site: &'static Site, begin: u64, nodes: &mut impl Nodes) -> usize {
        let number = entry.site();
        let description = self.next_call.take(number);
        let task = description.task;
        let Some(crossing) = self.next_crossing() else {
            let (inside, node) = self.enter((number, site), task, nodes);
            let index = self.open((entry, site, begin), inside, (inside, node), description);
            self.resume(task, index);
            return index;
        };
        let inside = self.frames.innermost().map_or(Surroundings::NONE, |frame| frame.inside);
        let (around, stage) = self.around(crossing);
        let node = match task {
            Some(poll) => nodes.enter_poll(poll, around.node, site),
            None => nodes.enter(around.node, site),
        };
        let index = self.open((entry, site, begin), inside, (around, node), description);
        self.frames.cross(crossing, stage);
        self.resume(task, index);
        index
    }

    /// Opens a range with the surroundings `around`; `inside` is what later ranges would get
    /// without it. Returns its index.
    #[inline(always)]
    fn open(
        &mut self,
        (entry, site, begin): (Entry, &'static Site, u64),
        inside: Surroundings,
        (around, node): (Surroundings, NodeId),
        Description { task, call, cpu_ns }: Description,
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
        let inside = inside.within(&slice);
        let index = self.frames.open().len();
        // The description of the ended range that this one replaces is reused.
        if let Some(call) = self.frames.push(Frame::new(slice, entry, inside)).and_then(|ended| ended.slice.call) {
            self.next_call.reuse(call);
        }
        index
    }

    /// Puts the ranges that were set aside with a task back inside its poll, which has just
    /// started.
    fn resume(&mut self, task: Option<Poll>, index: usize) {
        if let Some(poll) = task
            && self.frames.has_aside()
            && self.frames.resume(poll.task)
        {
            self.frames.resume_from(index + 1, self.now);
        }
    }

    /// Returns the surroundings of a range that starts now and crosses no other, and its node.
    #[inline]
    fn enter(
        &mut self,
        (number, site): (u32, &'static Site),
        task: Option<Poll>,
        nodes: &mut impl Nodes,
    ) -> (Surroundings, NodeId) {
        let (inside, last) = match self.frames.innermost() {
            Some(frame) => (frame.inside, &mut frame.child),
            None => (Surroundings::NONE, &mut self.outermost),
        };
        let node = match (task, *last) {
            (Some(poll), _) => nodes.enter_poll(poll, inside.node, site),
            (None, Some((last_number, node))) if last_number == number => node,
            (None, _) => {
                let node = nodes.enter(inside.node, site);
                *last = Some((number, node));
                node
            }
        };
        (inside, node)
    }

    /// Returns the range that starts now if it crosses others.
    fn next_crossing(&mut self) -> Option<Crossing> {
        let (first, rest) = self.crossings.split_first().filter(|(first, _)| first.id == self.next_id)?;
        self.crossings = rest;
        Some(*first)
    }

    /// Returns the surroundings of a range that crosses others, and the key and the request of the
    /// stage directly around it.
    #[cold]
    fn around(&self, Crossing { around, .. }: Crossing) -> (Surroundings, (u64, u64)) {
        let find = |outer: Option<Outer>| self.frames.open().get(self.frames.find_outer(outer?)?);
        let request = find(around.request).map_or(0, |frame| frame.inside.request);
        match find(around.stage) {
            Some(Frame { inside, slice, .. }) => (Surroundings { request, ..*inside }, (slice.key(), slice.request)),
            None => (Surroundings { request, ..Surroundings::NONE }, (0, 0)),
        }
    }
}
