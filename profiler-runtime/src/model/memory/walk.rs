//! All threads' allocations in the order of time, with the stages that begin and end between them.
//!
//! A merge of the threads' streams, each of which is in order: nothing is kept but the next moment of each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Trace;
use crate::model::decode::{Decoder, Event};
use crate::model::slice::Slice;
use crate::model::stages::NodeId;
use crate::record::{Kind, Site};

use super::{Allocation, Paths};

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
        let mut sources: Vec<Source<'_>> = (0..self.threads.len())
            .filter_map(|thread| Some(Source { thread, decoder: self.decoder(thread)?, next: None }))
            .collect();
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

/// One thread.
struct Source<'a> {
    thread: usize,
    decoder: Decoder<'a>,
    next: Option<Moment>,
}

impl Source<'_> {
    fn read(&mut self, paths: &mut Paths) -> Option<Moment> {
        loop {
            let moment = match self.decoder.next(paths)? {
                Event::Allocation(allocation) => Some(Moment::Allocation { thread: self.thread, allocation }),
                Event::Begin(slice) => begin(slice),
                Event::Slice(slice) => end(slice),
                Event::TaskEnd { task, at, .. } => Some(Moment::End { call: Call::Task(task), at }),
                Event::StepMark(_) => None,
            };
            if moment.is_some() {
                return moment;
            }
        }
    }
}

fn is_stage(slice: &Slice) -> bool {
    matches!(slice.site.kind(), Kind::Stage | Kind::Step)
}

fn begin(slice: &Slice) -> Option<Moment> {
    let call = match slice.task {
        Some(poll) if poll.first => Call::Task(poll.task),
        Some(_) => return None,
        None => Call::Range(slice.external_id),
    };
    is_stage(slice).then_some(Moment::Begin { call, site: slice.site, path: slice.node, at: slice.begin })
}

fn end(slice: &Slice) -> Option<Moment> {
    let is_range = is_stage(slice) && slice.task.is_none();
    is_range.then_some(Moment::End { call: Call::Range(slice.external_id), at: slice.end })
}
