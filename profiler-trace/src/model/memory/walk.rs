//! Walk over the allocations of all threads in order of time, with the starts and ends of stages.
//!
//! The walk merges the threads' streams, each of which is in order, and keeps only the next event
//! of each. Changes that the GPU source recorded for calls of a thread are inserted between the
//! thread's own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Allocation;
use crate::model::Trace;
use crate::model::decode::{Decoder, Event, Nodes};
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::values::NodeId;
use profiler_core::site::{Kind, Site};

/// An event of the walk. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MemoryEvent {
    /// An allocation or release; its `node` is a path.
    Allocation { thread: usize, allocation: Allocation },
    /// The start of a stage or step; for an async one, of its first poll.
    Begin { call: Call, site: &'static Site, path: NodeId, at: u64 },
    /// The end of a stage or step.
    End { call: Call, at: u64 },
}

/// A call of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// A range, by `External id`.
    Range(u64),
    /// The life of a task.
    Task(u64),
}

impl MemoryEvent {
    const fn at(&self) -> u64 {
        match self {
            Self::Allocation { allocation, .. } => allocation.at,
            Self::Begin { at, .. } | Self::End { at, .. } => *at,
        }
    }
}

impl Trace {
    /// Visits all allocations and all starts and ends of stages in order of time. Decodes all
    /// threads, so it costs as much as an exporter of ranges.
    pub(crate) fn walk_memory(&self, mut visit: impl FnMut(&Paths, &MemoryEvent)) {
        let mut paths = Paths::new();
        let mut sources = self.sources();
        let mut queue = BinaryHeap::new();
        for (index, source) in sources.iter_mut().enumerate() {
            source.next = source.read(&mut paths);
            queue.extend(source.next.map(|event| Reverse((event.at(), index))));
        }
        while let Some(Reverse((_, index))) = queue.pop() {
            let source = &mut sources[index];
            // Continue with the same thread while it is the earliest, which is usually long.
            while let Some(event) = source.next {
                let at = event.at();
                if queue.peek().is_some_and(|Reverse(other)| *other < (at, index)) {
                    queue.push(Reverse((at, index)));
                    break;
                }
                visit(&paths, &event);
                source.next = source.read(&mut paths);
            }
        }
    }

    /// Creates a source per thread, and one for calls of threads that recorded nothing.
    fn sources(&self) -> Vec<ThreadSource<'_>> {
        let mut sources: Vec<ThreadSource<'_>> =
            (0..self.threads.len()).map(|thread| ThreadSource::new(thread, self.decoder(thread))).collect();
        let other_threads = sources.len();
        sources.push(ThreadSource::new(other_threads, None));
        let allocations = self.gpu.as_ref().map_or(&[][..], |gpu| &gpu.memory);
        for each in allocations.iter().rev() {
            let thread = each.thread.map(u64::from);
            let thread = self.threads.iter().position(|recorded| Some(recorded.identity.os_id) == thread);
            sources[thread.unwrap_or(other_threads)].cuda_allocations.push(each.allocation);
        }
        sources
    }
}

/// Events of one thread.
struct ThreadSource<'a> {
    thread: usize,
    decoder: Option<Decoder<'a>>,
    /// Allocations and releases by the thread's CUDA calls, the latest first.
    cuda_allocations: Vec<Allocation>,
    /// Time of the decoder's next event, and the event unless the walk skips it; held back while
    /// CUDA allocations precede it.
    decoded: Option<(u64, Option<MemoryEvent>)>,
    /// Innermost open range before that event.
    node: NodeId,
    next: Option<MemoryEvent>,
}

impl<'a> ThreadSource<'a> {
    const fn new(thread: usize, decoder: Option<Decoder<'a>>) -> Self {
        Self { thread, decoder, cuda_allocations: Vec::new(), decoded: None, node: StageTree::ROOT, next: None }
    }

    fn read(&mut self, paths: &mut Paths) -> Option<MemoryEvent> {
        loop {
            if self.decoded.is_none() {
                self.decoded = self.decode(paths);
            }
            let is_next = |cuda: &mut Allocation| self.decoded.is_none_or(|(at, _)| cuda.at < at);
            if let Some(cuda) = self.cuda_allocations.pop_if(is_next) {
                let allocation = Allocation { node: self.node, ..cuda };
                return Some(MemoryEvent::Allocation { thread: self.thread, allocation });
            }
            if let (_, Some(event)) = self.decoded.take()? {
                return Some(event);
            }
        }
    }

    fn decode(&mut self, paths: &mut Paths) -> Option<(u64, Option<MemoryEvent>)> {
        let decoder = self.decoder.as_mut()?;
        self.node = decoder.innermost();
        Some(match decoder.next(paths)? {
            Event::Allocation(allocation) => {
                (allocation.at, Some(MemoryEvent::Allocation { thread: self.thread, allocation }))
            }
            Event::Begin(slice) => (slice.begin, begin(slice)),
            Event::Slice(slice) => (slice.end, end(slice)),
            Event::TaskEnd { task, at, .. } => (at, Some(MemoryEvent::End { call: Call::Task(task), at })),
            Event::StepMark(at) | Event::EarlierPoll { at, .. } => (at, None),
        })
    }
}

fn begin(slice: &Slice) -> Option<MemoryEvent> {
    let call = match slice.task {
        Some(poll) if poll.first => Call::Task(poll.task),
        Some(_) => return None,
        None => Call::Range(slice.external_id),
    };
    slice.is_stage().then_some(MemoryEvent::Begin { call, site: slice.site, path: slice.node, at: slice.begin })
}

fn end(slice: &Slice) -> Option<MemoryEvent> {
    let is_range = slice.is_stage() && slice.task.is_none();
    is_range.then_some(MemoryEvent::End { call: Call::Range(slice.external_id), at: slice.end })
}

/// Tree of the ranges, ops included, around allocations. Unlike the stage tree, it leaves out only
/// requests.
#[derive(Debug)]
pub(crate) struct Paths(StageTree);

impl Paths {
    pub(super) fn new() -> Self {
        Self(StageTree::new())
    }

    /// Returns the ranges of a path, innermost first; empty for an allocation outside of all
    /// ranges.
    pub(crate) fn sites(&self, path: NodeId) -> impl Iterator<Item = &'static Site> + '_ {
        let mut next = path;
        std::iter::from_fn(move || {
            let node = self.0.node(next);
            next = node.parent;
            node.site
        })
    }

    /// Returns the path without its innermost range.
    pub(super) fn parent(&self, path: NodeId) -> NodeId {
        self.0.node(path).parent
    }

    /// Returns the innermost range of the path.
    pub(super) fn site(&self, path: NodeId) -> Option<&'static Site> {
        self.0.node(path).site
    }
}

impl Nodes for Paths {
    const REPORTS_BEGINS: bool = true;

    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        if site.kind() == Kind::Request { parent } else { self.0.child(parent, site) }
    }
}
