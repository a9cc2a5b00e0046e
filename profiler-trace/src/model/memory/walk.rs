//! All threads' allocations in the order of time, with the stages that begin and end between them.
//!
//! A merge of the threads' streams, each of which is in order: nothing is kept but the next moment of each. What the GPU's
//! source told of a thread's calls is put between what the thread recorded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Trace;
use crate::model::decode::{Decoder, Event};
use crate::model::gpu::Taken;
use crate::model::slice::Slice;
use crate::model::stages::{NodeId, StageTree};
use profiler_core::{memory::Action, site::Site};

use super::{Allocation, Paths, Reporter};

/// Something that happened. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// Memory was allocated or freed; its `node` is a path.
    Allocation { thread: usize, allocation: Allocation },
    /// A stage or step began: with its first poll, if it is async.
    Begin { call: Call, site: &'static Site, path: NodeId, at: u64 },
    /// It ended.
    End { call: Call, at: u64 },
}

/// Which call of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// By `External id`.
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
    /// Visits every allocation of the recording, and every stage's begin and end, in the order of time. Decodes all
    /// threads: as costly as an exporter of ranges.
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
    /// Creates one for each thread, and one for calls of threads that recorded nothing.
    fn sources(&self) -> Vec<Source<'_>> {
        let mut sources: Vec<Source<'_>> =
            (0..self.threads.len()).map(|thread| Source::of(thread, self.decoder(thread))).collect();
        let elsewhere = sources.len();
        sources.push(Source::of(elsewhere, None));
        let taken = self.gpu.as_ref().map_or(&[][..], |gpu| &gpu.memory);
        for each in taken.iter().rev() {
            let thread = each.thread.map(u64::from);
            let thread = self.threads.iter().position(|known| Some(known.identity.os_id) == thread);
            sources[thread.unwrap_or(elsewhere)].taken.push(Allocation::of_taken(each));
        }
        sources
    }
}

impl Allocation {
    /// Returns an allocation from CUDA, outside of all ranges.
    fn of_taken(taken: &Taken) -> Self {
        Self {
            at: taken.at,
            action: if taken.is_free { Action::Free } else { Action::Alloc },
            reporter: Reporter::Cuda,
            device: taken.device,
            address: taken.address,
            bytes: taken.bytes,
            before: (0, 0),
            node: StageTree::ROOT,
        }
    }
}

/// One thread.
struct Source<'a> {
    thread: usize,
    decoder: Option<Decoder<'a>>,
    /// Blocks that its calls took from CUDA and gave back, the latest first.
    taken: Vec<Allocation>,
    /// The open ranges, by `External id`, with their paths; while something is left of `taken`.
    open: Vec<(u64, NodeId)>,
    /// Event that the decoder has told, but that comes after the last of `taken`.
    told: Option<Told>,
    next: Option<Moment>,
}

/// Event of a decoder.
#[derive(Clone, Copy)]
struct Told {
    at: u64,
    change: Option<Change>,
    moment: Option<Moment>,
}

/// Change of the ranges that are open.
#[derive(Clone, Copy)]
enum Change {
    Opens(u64, NodeId),
    Closes(u64),
}

impl<'a> Source<'a> {
    const fn of(thread: usize, decoder: Option<Decoder<'a>>) -> Self {
        Self { thread, decoder, taken: Vec::new(), open: Vec::new(), told: None, next: None }
    }

    fn read(&mut self, paths: &mut Paths) -> Option<Moment> {
        loop {
            let told = self.told.take().or_else(|| self.tell(paths));
            if let Some(allocation) = self.taken.pop_if(|taken| told.is_none_or(|told| taken.at < told.at)) {
                self.told = told;
                let node = self.open.last().map_or(StageTree::ROOT, |(_, path)| *path);
                return Some(Moment::Allocation { thread: self.thread, allocation: Allocation { node, ..allocation } });
            }
            let told = told?;
            match told.change.filter(|_| !self.taken.is_empty()) {
                Some(Change::Opens(id, path)) => self.open.push((id, path)),
                Some(Change::Closes(id)) => {
                    if let Some(at) = self.open.iter().rposition(|(open, _)| *open == id) {
                        self.open.remove(at);
                    }
                }
                None => {}
            }
            if told.moment.is_some() {
                return told.moment;
            }
        }
    }

    fn tell(&mut self, paths: &mut Paths) -> Option<Told> {
        Some(match self.decoder.as_mut()?.next(paths)? {
            Event::Allocation(allocation) => Told {
                at: allocation.at,
                change: None,
                moment: Some(Moment::Allocation { thread: self.thread, allocation }),
            },
            Event::Begin(slice) => Told {
                at: slice.begin,
                change: Some(Change::Opens(slice.external_id, slice.node)),
                moment: begin(slice),
            },
            Event::Slice(slice) => {
                Told { at: slice.end, change: Some(Change::Closes(slice.external_id)), moment: end(slice) }
            }
            Event::TaskEnd { task, at, .. } => {
                Told { at, change: None, moment: Some(Moment::End { call: Call::Task(task), at }) }
            }
            Event::StepMark(at) => Told { at, change: None, moment: None },
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
