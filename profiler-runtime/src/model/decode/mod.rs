//! From entries to slices: one thread's stream, read from front to back.
//!
//! A begin opens a frame, its end closes it. Time never runs backwards here. Ranges that cross others are known from a
//! reading before (`crossing`); they lie on lanes of their own, so that the slices of a row nest. What is still open at the
//! end of the stream ends with the recording. Pulled (`next`), so that several threads can be merged by time.

mod cover;
mod crossing;
mod event;
mod frames;
mod nest;
mod pending;

use std::collections::HashMap;

use crate::record::entry::{COMPLETED, Entry, FIRST_POLL, Tag};
use crate::record::registry::{Pages, ThreadLog};
use crate::record::{Device, Kind, Site};

use super::memory::{Allocation, Halves};
use super::slice::{NetBytes, Poll, Slice};
use super::stages::NodeId;
use super::time::Timeline;

pub(super) use cover::Cover;
pub(super) use crossing::Crossings;
use crossing::{Crossing, Outer};
pub(super) use event::{Event, NoNodes, Nodes, Places};
use frames::{Frame, Inside};
use nest::{Nest, Place};
use pending::Pending;
pub(super) use pending::Told;

/// A reader of one thread's stream.
pub(in crate::model) struct Decoder<'a> {
    timeline: &'a Timeline,
    sites: &'a [&'static Site],
    pages: Pages<'a>,
    entries: std::slice::Iter<'a, Entry>,
    /// What is read was carried on: those ranges began before what is kept.
    is_carry: bool,
    now: u64,
    frames: Nest<Frame>,
    /// The outermost site seen last and its node; see [`Frame::child`].
    outermost: Option<(u32, NodeId)>,
    /// Whether ranges of this thread cross each other, and those that have not begun.
    crosses: bool,
    crossings: &'a [Crossing],
    /// What their stages cover of tasks, while they live.
    tasks: HashMap<u64, Cover>,
    pending: Pending,
    halves: Halves,
    next_id: u64,
    /// Ends without a begin.
    pub(in crate::model) began_before: u64,
    /// Ranges of which only the last part is shown.
    pub(in crate::model) clipped: u64,
    /// Entries of an unknown kind or site.
    pub(in crate::model) unreadable: u64,
}

impl<'a> Decoder<'a> {
    /// A reader whose first slice gets `first_id`, as in the reading that has found `crossings`.
    pub(in crate::model) fn new(
        log: &'a ThreadLog,
        timeline: &'a Timeline,
        sites: &'a [&'static Site],
        (first_id, crossings): (u64, &'a Crossings),
    ) -> Self {
        Self {
            timeline,
            sites,
            pages: Pages::new(&log.runs),
            entries: log.carry.entries().iter(),
            is_carry: true,
            now: timeline.begin(),
            frames: Nest::default(),
            outermost: None,
            crosses: !crossings.ranges.is_empty(),
            crossings: &crossings.ranges,
            tasks: HashMap::new(),
            pending: Pending::default(),
            halves: Halves::default(),
            next_id: first_id,
            began_before: 0,
            clipped: 0,
            unreadable: 0,
        }
    }

    /// The id after the last slice's.
    pub(in crate::model) const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Returns the numbers of the sites that have recorded the shape of a list of dims so far.
    pub(in crate::model) fn listed_dims(&self) -> impl Iterator<Item = u32> + '_ {
        self.pending.listed_dims.iter().copied()
    }

    /// Returns how much calls have said about themselves so far.
    pub(in crate::model) const fn told(&self) -> Told {
        self.pending.told
    }

    /// What happened next.
    #[inline]
    pub(in crate::model) fn next<N: Nodes>(&mut self, nodes: &mut N) -> Option<Event<'_>> {
        loop {
            let Some(&entry) = self.entries.next() else {
                self.is_carry = false;
                match self.pages.next() {
                    Some(entries) => self.entries = entries.iter(),
                    None => return self.close_open(),
                }
                continue;
            };
            match entry.tag() {
                Some(Tag::Begin) => {
                    let place = self.begin(entry, nodes);
                    if N::TELLS_BEGINS
                        && let Some(place) = place
                    {
                        return self.frames.open().get(place).map(|frame| Event::Begin(&frame.slice));
                    }
                }
                Some(Tag::End) => {
                    if self.end(entry) {
                        return self.frames.ended().map(|frame| Event::Slice(&frame.slice));
                    }
                }
                Some(Tag::TaskEnd) => {
                    let at = self.advance(entry.value());
                    if let Some(poll) = self.pending.task.take() {
                        self.task_ends(poll.task);
                        return Some(Event::TaskEnd { task: poll.task, at, completed: entry.argument() == COMPLETED });
                    }
                    self.unreadable += 1;
                }
                Some(Tag::StepMark) => return Some(Event::StepMark(self.advance(entry.value()))),
                Some(Tag::Task) => {
                    self.pending.task = Some(Poll { task: entry.value(), first: entry.argument() == FIRST_POLL })
                }
                Some(Tag::CpuTime) => self.pending.cpu_clock = Some((entry.site(), entry.value())),
                Some(Tag::Memory) => self.halves.first(entry),
                Some(Tag::Block) => {
                    if let Some(allocation) = self.allocate(entry) {
                        return Some(Event::Allocation(allocation));
                    }
                }
                // `timed` reads these.
                Some(Tag::Timed | Tag::OnStream | Tag::Measured | Tag::MeasuredAt) => {}
                Some(tag) => self.pending.describe(tag, entry),
                None => self.unreadable += 1,
            }
        }
    }

    #[inline]
    fn advance(&mut self, ticks: u64) -> u64 {
        self.now = self.now.max(self.timeline.ns(ticks));
        self.now
    }

    /// Returns the place of the range that begins; `None` if its site is unknown.
    #[inline]
    fn begin(&mut self, entry: Entry, nodes: &mut impl Nodes) -> Option<usize> {
        let begin = self.advance(entry.value());
        let number = entry.site();
        let Some(&site) = self.sites.get((number as usize).wrapping_sub(1)) else {
            self.unreadable += 1;
            return None;
        };
        let (task, call) = if self.pending.is_empty() { (None, None) } else { self.pending.take(number) };
        let inside = self.frames.open().last().map_or(Inside::NOTHING, |frame| frame.inside);
        let (around, lane, node) = self.enter((number, site), task, nodes);
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
            stage_around: 0,
            children_ns: 0,
            away_ns: 0,
            stage_children_ns: 0,
            covers_life_ns: 0,
            cpu_ns,
            cpu_memory: NetBytes::default(),
            device_memory: NetBytes::default(),
            finished: true,
            clipped: self.is_carry,
            task,
            call,
        };
        let inside = inside.of(&slice);
        Some(self.open(Frame::new(slice, entry, inside)))
    }

    /// Returns the place of a range that is open now: what its task has set aside is inside it.
    #[inline]
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
            self.frames.refresh(place + 1);
        }
        place
    }

    /// Finds the place of the next range, which begins: what is around it until its end, its lane and its node.
    #[inline]
    fn enter(
        &mut self,
        (number, site): (u32, &'static Site),
        task: Option<Poll>,
        nodes: &mut impl Nodes,
    ) -> (Inside, u32, NodeId) {
        if self.crossings.first().is_some_and(|crossing| crossing.id == self.next_id) {
            let (around, lane) = self.crossing();
            let node = match task {
                Some(poll) => nodes.enter_poll(poll, around.node, site),
                None => nodes.enter(around.node, site),
            };
            return (around, lane, node);
        }
        let (around, last) = match self.frames.open_mut().last_mut() {
            Some(frame) => (frame.inside, &mut frame.child),
            None => (Inside::NOTHING, &mut self.outermost),
        };
        let node = match (task, *last) {
            (Some(poll), _) => nodes.enter_poll(poll, around.node, site),
            (None, Some((site, node))) if site == number => node,
            (None, _) => {
                let node = nodes.enter(around.node, site);
                *last = Some((number, node));
                node
            }
        };
        (around, 0, node)
    }

    /// The next range that crosses others begins: what is around it until its end, and its lane.
    #[cold]
    fn crossing(&mut self) -> (Inside, u32) {
        let Some((Crossing { around, lane, .. }, rest)) = self.crossings.split_first() else {
            return (Inside::NOTHING, 0);
        };
        self.crossings = rest;
        let place = |outer: Option<Outer>| outer.and_then(|outer| self.frames.place_of(outer));
        let (stage_at, request_at) = (place(around.stage), place(around.request));
        let inside = |place: Option<usize>| self.frames.open().get(place?).map(|frame| frame.inside);
        let stage = inside(stage_at).unwrap_or(Inside::NOTHING);
        let mut request = inside(request_at).and_then(|inside| inside.request);
        if let Some(request) = &mut request
            && stage_at < request_at
        {
            request.opened_in = stage.node;
        }
        (Inside { request, ..stage }, *lane)
    }

    /// What outlives the task is not in it any more.
    #[inline]
    fn task_ends(&mut self, task: u64) {
        if self.crosses {
            self.tasks.remove(&task);
            let from = self.frames.let_go(task);
            self.frames.come_back(from, self.now);
            self.frames.refresh(from);
        }
    }

    /// The allocation that ends with this entry; it counts for the innermost open range. `None` if its first half is
    /// missing.
    fn allocate(&mut self, block: Entry) -> Option<Allocation> {
        let Some((ticks, mut allocation)) = self.halves.second(block) else {
            self.unreadable += 1;
            return None;
        };
        allocation.at = self.advance(ticks);
        if let Some(Frame { slice, .. }) = self.frames.open_mut().last_mut() {
            allocation.node = slice.node;
            let on_host = allocation.device == Device::Cpu;
            let memory = if on_host { &mut slice.cpu_memory } else { &mut slice.device_memory };
            memory.change(allocation.change());
        }
        Some(allocation)
    }

    /// False if nothing was open for it.
    // Once for every range of every pass: it belongs into each of the few copies of `next`.
    #[inline(always)]
    fn end(&mut self, entry: Entry) -> bool {
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

    /// The range at this place ends.
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

    /// The stream is over: what is open ends with the recording, innermost first.
    fn close_open(&mut self) -> Option<Event<'_>> {
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
