//! From entries to slices: one thread's stream, read once from front to back.
//!
//! A begin opens a frame, its end closes the innermost frame of its site. Time never runs backwards here, so slices
//! nest by construction; a guard that outlives the range around it moves to a lane of its own. What is still open at
//! the end of the stream ends with the recording. Pulled (`next`), so that several threads can be merged by time.

mod event;
mod frames;
mod pending;

use crate::record::entry::{COMPLETED, Entry, FIRST_POLL, Tag};
use crate::record::registry::{Pages, ThreadLog};
use crate::record::{Device, Kind, Site};

use super::lanes::Lanes;
use super::memory::{Allocation, Halves};
use super::requests::{self, InRequest};
use super::slice::{NetBytes, Poll, Slice};
use super::stages::{NodeId, StageTree};
use super::time::Timeline;

pub(super) use event::{Event, NoNodes, Nodes};
use frames::{Frame, Frames};
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
    frames: Frames,
    /// The outermost site seen last and its node; see [`Frame::child`].
    outermost: Option<(u32, NodeId)>,
    lanes: Lanes,
    requests: Vec<InRequest>,
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
    /// A reader whose first slice gets `first_id`.
    pub(in crate::model) fn new(
        log: &'a ThreadLog,
        timeline: &'a Timeline,
        sites: &'a [&'static Site],
        first_id: u64,
    ) -> Self {
        Self {
            timeline,
            sites,
            pages: Pages::new(&log.runs),
            entries: log.carry.entries().iter(),
            is_carry: true,
            now: timeline.begin(),
            frames: Frames::default(),
            outermost: None,
            lanes: Lanes::default(),
            requests: Vec::new(),
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

    /// How many lanes there are so far, for guards that have outlived the range around them.
    pub(in crate::model) const fn lanes(&self) -> u32 {
        self.lanes.count()
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
                    if self.begin(entry, nodes) && N::TELLS_BEGINS {
                        return self.frames.open().last().map(|frame| Event::Begin(&frame.slice));
                    }
                }
                Some(Tag::End) => {
                    if self.end(entry) {
                        return self.frames.ended().map(Event::Slice);
                    }
                }
                Some(Tag::TaskEnd) => {
                    let at = self.advance(entry.value());
                    if let Some(poll) = self.pending.task.take() {
                        return Some(Event::TaskEnd { task: poll.task, at, completed: entry.argument() == COMPLETED });
                    }
                    self.unreadable += 1;
                }
                Some(Tag::StepMark) => return Some(Event::StepMark(self.advance(entry.value()))),
                Some(Tag::Task) => {
                    self.pending.task = Some(Poll { task: entry.value(), first: entry.argument() == FIRST_POLL })
                }
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

    /// False if its site is unknown.
    #[inline]
    fn begin(&mut self, entry: Entry, nodes: &mut impl Nodes) -> bool {
        let begin = self.advance(entry.value());
        let number = entry.site();
        let Some(&site) = self.sites.get((number as usize).wrapping_sub(1)) else {
            self.unreadable += 1;
            return false;
        };
        let (parent, around, last) = match self.frames.open_mut().last_mut() {
            Some(frame) => (frame.slice.node, frame.slice.stage_id, &mut frame.child),
            None => (StageTree::ROOT, 0, &mut self.outermost),
        };
        let node = match *last {
            Some((site, node)) if site == number => node,
            _ => {
                let node = nodes.enter(parent, site);
                *last = Some((number, node));
                node
            }
        };
        let external_id = self.next_id;
        self.next_id += 1;
        let (task, call) = if self.pending.is_empty() { (None, None) } else { self.pending.take(number) };
        let request = self.requests.last().copied();
        let stage_id = match site.kind() {
            Kind::Stage | Kind::Step => external_id,
            Kind::Op | Kind::Request => around,
        };
        if site.kind() == Kind::Request {
            let depth = request.map_or(1, |around| around.depth + 1);
            self.requests.push(InRequest {
                depth,
                opened_in: node,
                key: requests::key(external_id, task.map(|poll| poll.task)),
            });
        }
        self.clipped += u64::from(self.is_carry);
        let slice = Slice {
            site,
            begin,
            end: begin,
            lane: 0,
            external_id,
            node,
            stage_id,
            around_id: 0,
            request,
            children_ns: 0,
            cpu_memory: NetBytes::default(),
            device_memory: NetBytes::default(),
            finished: true,
            clipped: self.is_carry,
            task,
            call,
        };
        if let Some(call) = self.frames.push(Frame { slice, number, child: None }) {
            self.pending.reuse(call);
        }
        true
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
        let number = entry.site();
        let around = match self.frames.open() {
            [around @ .., last] if last.number == number => around.len(),
            _ => match self.frames.outlived(number, &mut self.lanes) {
                Some(around) => around,
                None => {
                    self.began_before += 1;
                    return false;
                }
            },
        };
        self.finish(end, around);
        true
    }

    /// The last of the open ranges ends, which lies inside the first `around` of them.
    #[inline]
    fn finish(&mut self, end: u64, around: usize) {
        let Some(slice) = self.frames.end(end, around) else { return };
        if slice.site.kind() == Kind::Request {
            self.requests.pop();
        }
        if slice.lane > 0 {
            self.lanes.release(slice.lane, end);
        }
    }

    /// The stream is over: what is open ends with the recording, innermost first.
    fn close_open(&mut self) -> Option<Event<'_>> {
        let (last, around) = self.frames.open_mut().split_last_mut()?;
        last.slice.finished = false;
        let around = around.len();
        self.finish(self.timeline.end().max(self.now), around);
        self.frames.ended().map(Event::Slice)
    }
}
