//! From entries to slices: one thread's stream, read once from front to back.
//!
//! A begin opens a frame, its end closes the innermost frame of its site. Time never runs backwards here, so slices
//! nest by construction; a guard that outlives the range around it moves to a lane of its own. What is still open at
//! the end of the stream ends with the recording. Pulled (`next`), so that several threads can be merged by time.

use crate::record::entry::{COMPLETED, Entry, FIRST_POLL, Tag};
use crate::record::registry::{Run, ThreadLog};
use crate::record::{Dtype, Kind, Site};

use super::lanes::Lanes;
use super::requests::InRequest;
use super::slice::{CallArgs, Poll, Slice, Tensor};
use super::stages::{NodeId, StageTree};
use super::time::Timeline;

/// What a stream tells.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// A range has ended.
    Slice(&'a Slice),
    /// A task has ended.
    TaskEnd { task: u64, at: u64, completed: bool },
    /// A bare `step()`.
    StepMark(u64),
}

/// Finds the stage tree's node for a range that begins.
pub(super) trait Nodes {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId;
}

/// For walks that need no stages.
pub(super) struct NoNodes;

impl Nodes for NoNodes {
    fn enter(&mut self, _parent: NodeId, _site: &'static Site) -> NodeId {
        StageTree::ROOT
    }
}

impl Nodes for StageTree {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        match site.kind() {
            Kind::Stage | Kind::Step => self.child(parent, site),
            Kind::Op | Kind::Request => parent,
        }
    }
}

/// A reader of one thread's stream.
pub(super) struct Decoder<'a> {
    timeline: &'a Timeline,
    sites: &'a [&'static Site],
    runs: std::slice::Iter<'a, Run>,
    entries: std::slice::Iter<'a, Entry>,
    now: u64,
    open: Vec<Frame>,
    lanes: Lanes,
    requests: Vec<InRequest>,
    pending: Pending,
    next_id: u64,
    slice: Option<Slice>,
    #[expect(clippy::vec_box, reason = "the boxes move into slices")]
    spare: Vec<Box<CallArgs>>,
    /// Ends without a begin.
    pub(super) began_before: u64,
    /// Entries of an unknown kind or site.
    pub(super) unreadable: u64,
}

struct Frame {
    slice: Slice,
    number: u32,
    /// The child site seen last and its node: most children are of one site.
    child: Option<(u32, NodeId)>,
}

/// What has been said about the call that begins next.
#[derive(Default)]
struct Pending {
    site: u32,
    call: Option<Box<CallArgs>>,
    task: Option<Poll>,
    dims_left: u8,
    text_left: usize,
    text: Vec<u8>,
}

impl<'a> Decoder<'a> {
    /// A reader whose first slice gets `first_id`.
    pub(super) fn new(log: &'a ThreadLog, timeline: &'a Timeline, sites: &'a [&'static Site], first_id: u64) -> Self {
        Self {
            timeline,
            sites,
            runs: log.runs.iter(),
            entries: [].iter(),
            now: timeline.begin(),
            open: Vec::new(),
            lanes: Lanes::default(),
            requests: Vec::new(),
            pending: Pending::default(),
            next_id: first_id,
            slice: None,
            spare: Vec::new(),
            began_before: 0,
            unreadable: 0,
        }
    }

    /// The id after the last slice's.
    pub(super) const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// What happened next.
    #[inline]
    pub(super) fn next(&mut self, nodes: &mut impl Nodes) -> Option<Event<'_>> {
        loop {
            let Some(&entry) = self.entries.next() else {
                match self.runs.next() {
                    Some(run) => self.entries = run.entries().iter(),
                    None => return self.close_open(),
                }
                continue;
            };
            match entry.tag() {
                Some(Tag::Begin) => self.begin(entry, nodes),
                Some(Tag::End) => {
                    if self.end(entry) {
                        return self.slice.as_ref().map(Event::Slice);
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
                Some(tag) => self.describe(tag, entry),
                None => self.unreadable += 1,
            }
        }
    }

    #[inline]
    fn advance(&mut self, ticks: u64) -> u64 {
        self.now = self.now.max(self.timeline.ns(ticks));
        self.now
    }

    #[inline]
    fn begin(&mut self, entry: Entry, nodes: &mut impl Nodes) {
        let begin = self.advance(entry.value());
        let number = entry.site();
        let Some(&site) = self.sites.get((number as usize).wrapping_sub(1)) else {
            self.unreadable += 1;
            return;
        };
        let node = match self.open.last_mut() {
            Some(Frame { child: Some((last, node)), .. }) if *last == number => *node,
            Some(frame) => {
                let node = nodes.enter(frame.slice.node, site);
                frame.child = Some((number, node));
                node
            }
            None => nodes.enter(StageTree::ROOT, site),
        };
        let external_id = self.next_id;
        self.next_id += 1;
        let (task, call) = if self.pending.is_empty() { (None, None) } else { self.take_pending(number) };
        let request = self.requests.last().copied();
        let stage_id = match site.kind() {
            Kind::Stage | Kind::Step => external_id,
            Kind::Op | Kind::Request => self.open.last().map_or(0, |frame| frame.slice.stage_id),
        };
        if site.kind() == Kind::Request {
            let depth = request.map_or(1, |around| around.depth + 1);
            self.requests.push(InRequest { depth, opened_in: node, id: external_id });
        }
        let slice = Slice {
            site,
            begin,
            end: begin,
            lane: 0,
            external_id,
            node,
            stage_id,
            request,
            children_ns: 0,
            finished: true,
            task,
            call,
        };
        self.open.push(Frame { slice, number, child: None });
    }

    /// False if nothing was open for it.
    #[inline]
    fn end(&mut self, entry: Entry) -> bool {
        let end = self.advance(entry.value());
        let number = entry.site();
        if let Some(frame) = self.open.pop_if(|frame| frame.number == number) {
            let depth = self.open.len();
            self.finish(frame.slice, end, depth);
            return true;
        }
        let Some(at) = self.outlived(number) else {
            self.began_before += 1;
            return false;
        };
        let frame = self.open.remove(at);
        self.finish(frame.slice, end, at);
        true
    }

    /// A range ends before ranges that began inside it: those move to lanes. `None` if no range of that site is open.
    #[cold]
    fn outlived(&mut self, number: u32) -> Option<usize> {
        let at = self.open.iter().rposition(|frame| frame.number == number)?;
        for frame in &mut self.open[at + 1..] {
            if frame.slice.lane == 0 {
                frame.slice.lane = self.lanes.take(frame.slice.begin, u64::MAX);
            }
        }
        Some(at)
    }

    #[inline]
    fn finish(&mut self, mut slice: Slice, end: u64, depth: usize) {
        slice.end = end;
        if slice.site.kind() == Kind::Request {
            self.requests.pop();
        }
        if slice.lane > 0 {
            self.lanes.release(slice.lane, end);
        } else if let Some(parent) = self.open[..depth].iter_mut().rev().find(|frame| frame.slice.lane == 0) {
            parent.slice.children_ns += slice.duration();
        }
        if let Some(mut old) = self.slice.replace(slice)
            && let Some(mut call) = old.call.take()
        {
            call.clear();
            self.spare.push(call);
        }
    }

    /// The stream is over: what is open ends with the recording, innermost first.
    fn close_open(&mut self) -> Option<Event<'_>> {
        let mut frame = self.open.pop()?;
        frame.slice.finished = false;
        let depth = self.open.len();
        self.finish(frame.slice, self.timeline.end().max(self.now), depth);
        self.slice.as_ref().map(Event::Slice)
    }

    #[cold]
    fn take_pending(&mut self, number: u32) -> (Option<Poll>, Option<Box<CallArgs>>) {
        let task = self.pending.task.take();
        if self.pending.site != number {
            return (task, None);
        }
        let call = self.pending.call.take();
        (task, call)
    }

    #[cold]
    fn describe(&mut self, tag: Tag, entry: Entry) {
        let pending = &mut self.pending;
        if entry.tag() != Some(Tag::Dims) && pending.site != entry.site() {
            pending.site = entry.site();
            if let Some(mut call) = pending.call.take() {
                call.clear();
                self.spare.push(call);
            }
        }
        let spare = &mut self.spare;
        let call = pending.call.get_or_insert_with(|| spare.pop().unwrap_or_default());
        match tag {
            Tag::Flops => call.flops = Some(entry.value()),
            Tag::Index => call.index = Some(entry.value()),
            Tag::Shape => {
                // CAST: the writer packs two bytes.
                pending.dims_left = entry.value() as u8;
                call.inputs.push(Tensor::new(Dtype::from_u8((entry.value() >> 8) as u8)));
            }
            Tag::Dims => {
                let Some(tensor) = call.inputs.last_mut() else { return };
                for dim in [entry.value(), entry.second()] {
                    if pending.dims_left > 0 {
                        tensor.push(dim);
                        pending.dims_left -= 1;
                    }
                }
            }
            Tag::TextLength => {
                // CAST: the length of a `str`.
                pending.text_left = entry.value() as usize;
                pending.text.clear();
            }
            Tag::Text => {
                let bytes = entry.value().to_le_bytes();
                let count = pending.text_left.min(bytes.len());
                pending.text_left -= count;
                pending.text.extend_from_slice(&bytes[..count]);
                if pending.text_left == 0 {
                    call.text = String::from_utf8_lossy(&pending.text).into_owned();
                }
            }
            Tag::Begin | Tag::End | Tag::Task | Tag::TaskEnd | Tag::StepMark => {}
        }
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.call.is_none() && self.task.is_none()
    }
}
