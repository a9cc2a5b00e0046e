//! All threads' allocations in the order of time, with the stages that begin and end between them.
//!
//! A merge of the threads' streams, each of which is in order: only the next moment of each is
//! kept. The changes that the GPU's source reported for a thread's calls are put between the
//! thread's own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Trace;
use crate::model::decode::{Decoder, Event};
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::values::NodeId;
use profiler_core::site::Site;

use super::{Allocation, Paths};

/// An event in the order of time. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// Memory was allocated or freed; its `node` is a path.
    Allocation { thread: usize, allocation: Allocation },
    /// A stage or step began: with its first poll, if it is async.
    Begin { call: Call, site: &'static Site, path: NodeId, at: u64 },
    /// The stage or step ended.
    End { call: Call, at: u64 },
}

/// The call of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// A range, by `External id`.
    Range(u64),
    /// The task's life.
    Task(u64),
}

impl Moment {
    const fn at(&self) -> u64 {
        match self {
            Self::Allocation { allocation, .. } => allocation.at,
            Self::Begin { at, .. } | Self::End { at, .. } => *at,
        }
    }
}

impl Trace {
    /// Visits every allocation of the recording, and every stage's begin and end, in the order of
    /// time. Decodes all threads: as costly as an exporter of ranges.
    pub(crate) fn walk_memory(&self, mut visit: impl FnMut(&Paths, &Moment)) {
        let mut paths = Paths::new();
        let mut sources = self.sources();
        let mut queue = BinaryHeap::new();
        for (place, source) in sources.iter_mut().enumerate() {
            source.next = source.read(&mut paths);
            queue.extend(source.next.map(|moment| Reverse((moment.at(), place))));
        }
        while let Some(Reverse((_, place))) = queue.pop() {
            let source = &mut sources[place];
            // The same thread goes on for as long as it is the earliest: most do for long.
            while let Some(moment) = source.next {
                let at = moment.at();
                if queue.peek().is_some_and(|Reverse(other)| *other < (at, place)) {
                    queue.push(Reverse((at, place)));
                    break;
                }
                visit(&paths, &moment);
                source.next = source.read(&mut paths);
            }
        }
    }
}

impl Trace {
    /// Creates a source for each thread, and one for calls of threads that recorded nothing.
    fn sources(&self) -> Vec<Source<'_>> {
        let mut sources: Vec<Source<'_>> =
            (0..self.threads.len()).map(|thread| Source::of(thread, self.decoder(thread))).collect();
        let elsewhere = sources.len();
        sources.push(Source::of(elsewhere, None));
        let taken = self.gpu.as_ref().map_or(&[][..], |gpu| &gpu.memory);
        for each in taken.iter().rev() {
            let thread = each.thread.map(u64::from);
            let thread = self.threads.iter().position(|known| Some(known.identity.os_id) == thread);
            sources[thread.unwrap_or(elsewhere)].taken.push(each.allocation);
        }
        sources
    }
}

/// The events of one thread.
struct Source<'a> {
    thread: usize,
    decoder: Option<Decoder<'a>>,
    /// Blocks that its calls took from CUDA and gave back, the latest first.
    taken: Vec<Allocation>,
    /// The decoder's last event and its moment, while it comes after the last of `taken`.
    told: Option<(u64, Option<Moment>)>,
    /// Innermost range that was open before that.
    node: NodeId,
    next: Option<Moment>,
}

impl<'a> Source<'a> {
    const fn of(thread: usize, decoder: Option<Decoder<'a>>) -> Self {
        Self { thread, decoder, taken: Vec::new(), told: None, node: StageTree::ROOT, next: None }
    }

    fn read(&mut self, paths: &mut Paths) -> Option<Moment> {
        loop {
            if self.told.is_none() {
                self.told = self.tell(paths);
            }
            if let Some(taken) = self.taken.pop_if(|taken| self.told.is_none_or(|(at, _)| taken.at < at)) {
                let allocation = Allocation { node: self.node, ..taken };
                return Some(Moment::Allocation { thread: self.thread, allocation });
            }
            if let (_, Some(moment)) = self.told.take()? {
                return Some(moment);
            }
        }
    }

    fn tell(&mut self, paths: &mut Paths) -> Option<(u64, Option<Moment>)> {
        let decoder = self.decoder.as_mut()?;
        self.node = decoder.innermost();
        Some(match decoder.next(paths)? {
            Event::Allocation(allocation) => {
                (allocation.at, Some(Moment::Allocation { thread: self.thread, allocation }))
            }
            Event::Begin(slice) => (slice.begin, begin(slice)),
            Event::Slice(slice) => (slice.end, end(slice)),
            Event::TaskEnd { task, at, .. } => (at, Some(Moment::End { call: Call::Task(task), at })),
            Event::StepMark(at) => (at, None),
        })
    }
}

fn begin(slice: &Slice) -> Option<Moment> {
    let call = match slice.task {
        Some(poll) if poll.first => Call::Task(poll.task),
        Some(_) => return None,
        None => Call::Range(slice.external_id),
    };
    slice.is_stage().then_some(Moment::Begin { call, site: slice.site, path: slice.node, at: slice.begin })
}

fn end(slice: &Slice) -> Option<Moment> {
    let is_range = slice.is_stage() && slice.task.is_none();
    is_range.then_some(Moment::End { call: Call::Range(slice.external_id), at: slice.end })
}
