//! The threads of a recording as tracks, encoded on several cores.
//!
//! All tracks are described first. Then threads are distributed over parts
//! ([`partition`](crate::export::trace::partition)), and a page of each part is written in turn. A
//! thread is one sequence of packets whose id is assigned in advance, so parts are independent.

use std::collections::{HashSet, VecDeque};

use crate::export::events::ranges::{Part as Shows, Range};
use crate::export::events::{Event, Row};
use crate::export::trace::buffer::FULL;
use crate::export::trace::parallel::Stream;
use crate::export::trace::partition::partition;
use crate::model::{Edge, EdgeWalk, Slice, Trace};

use super::calls::{self, Calls};
use super::schema::event;
use super::sequence::Sequence;
use super::tracks::{Track, Tracks};
use super::writer::Writer;

/// Stream of some of the threads, one after the other.
pub(super) struct Part<'a> {
    trace: &'a Trace,
    /// Threads that follow.
    threads: VecDeque<ThreadTracks<'a>>,
    /// Current thread.
    current: Option<CurrentThread<'a>>,
}

/// A thread whose tracks have been described.
struct ThreadTracks<'a> {
    /// Index in the trace; `None` for a thread without ranges that only called CUDA.
    index: Option<usize>,
    track: u64,
    /// Tracks of its lanes, starting with lane 1.
    lanes: Vec<u64>,
    calls: Calls<'a>,
    /// Id of its sequence.
    sequence: u64,
    /// Number of its ranges and calls.
    size: u64,
}

/// Describes the tracks of all threads, and distributes those with ranges or CUDA calls over parts.
pub(super) fn parts<'a>(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &'a Trace) -> VecDeque<Part<'a>> {
    let mut os_ids = HashSet::new();
    let mut threads: Vec<ThreadTracks<'_>> = Vec::new();
    for (index, thread) in trace.threads.iter().enumerate() {
        let os_id = thread.identity.os_id;
        // Two threads may have had the same id one after the other, and a call does not show which
        // of them made it.
        let calls = if os_ids.insert(os_id) { Calls::new(trace, os_id) } else { Calls::empty(trace) };
        let size = thread.ranges + calls.count();
        let track = tracks.id(writer, Track::Row(Row::Thread(index, 0)));
        let lanes = (1..=thread.lanes).map(|lane| tracks.id(writer, Track::Row(Row::Thread(index, lane)))).collect();
        threads.push(ThreadTracks { index: Some(index), track, lanes, calls, sequence: writer.new_sequence(), size });
    }
    for os_id in calls::callers(trace).filter(|&os_id| !os_ids.contains(&u64::from(os_id))) {
        let (calls, track) = (Calls::new(trace, os_id.into()), tracks.id(writer, Track::Row(Row::Caller(os_id))));
        let (size, sequence) = (calls.count(), writer.new_sequence());
        threads.push(ThreadTracks { index: None, track, lanes: Vec::new(), calls, sequence, size });
    }
    threads.retain(|thread| thread.size > 0);
    let part = |threads| Part { trace, threads, current: None };
    partition(threads, |thread| thread.size).into_iter().map(part).collect()
}

impl Stream for Part<'_> {
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        loop {
            if let Some(current) = &mut self.current
                && current.fill(page)
            {
                return true;
            }
            match self.threads.pop_front() {
                Some(next) => self.current = Some(CurrentThread::open(self.trace, next, page)),
                None => return false,
            }
        }
    }
}

/// A thread that is being written.
struct CurrentThread<'a> {
    walk: Option<EdgeWalk<'a>>,
    /// Next edge, and whether it is a begin, if calls before it have filled the page. Rare, so it
    /// may be copied.
    pending_edge: Option<(Slice, bool)>,
    track: ThreadTrack<'a>,
}

impl<'a> CurrentThread<'a> {
    fn open(trace: &'a Trace, threads: ThreadTracks<'a>, page: &mut Vec<u8>) -> Self {
        let ThreadTracks { index, track, lanes, calls, sequence, .. } = threads;
        let sequence = Sequence::open(page, sequence, track, trace.begin.min(calls.begin()));
        let walk = index.map(|index| trace.begin_edges(index));
        Self { walk, pending_edge: None, track: ThreadTrack { trace, sequence, lanes, calls } }
    }

    /// Fills the page. Returns false if nothing of the thread remains.
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        let Self { walk, pending_edge, track } = self;
        if let Some((slice, is_begin)) = pending_edge {
            if !track.push_pending(page, Edge { slice, is_begin: *is_begin }) {
                return true;
            }
            *pending_edge = None;
        }
        let is_full = walk.as_mut().is_some_and(|walk| {
            walk.until(|edge| {
                if !track.push(page, edge) {
                    *pending_edge = Some((edge.slice.clone(), edge.is_begin));
                }
                page.len() >= FULL
            })
        });
        is_full || !track.calls.until(&mut track.sequence, page, u64::MAX)
    }
}

/// The track of a thread, with those of its lanes.
struct ThreadTrack<'a> {
    trace: &'a Trace,
    sequence: Sequence,
    lanes: Vec<u64>,
    calls: Calls<'a>,
}

impl ThreadTrack<'_> {
    #[cold]
    #[inline(never)]
    fn push_pending(&mut self, page: &mut Vec<u8>, edge: Edge<'_>) -> bool {
        self.push(page, edge)
    }

    /// Appends the calls before an edge, and the edge. Returns false if the calls filled the page
    /// before the edge was written.
    // Runs for every begin and end.
    #[inline(always)]
    fn push(&mut self, page: &mut Vec<u8>, edge: Edge<'_>) -> bool {
        if !self.calls.until(&mut self.sequence, page, edge.at()) {
            return false;
        }
        let track = match edge.slice.lane {
            0 => 0,
            // Every lane has a track: the first pass has read the thread.
            lane => self.lanes.get(lane as usize - 1).copied().unwrap_or(0),
        };
        let Self { trace, sequence, .. } = self;
        if edge.is_begin {
            sequence.event(page, edge.at(), event::BEGIN, |event| {
                event.track(track);
                event.describe(&Range::new(trace, edge.slice, Shows::Begin));
            });
        } else {
            sequence.event(page, edge.at(), event::END, |event| {
                event.track(track);
                Range::new(trace, edge.slice, Shows::End).args(event);
            });
        }
        true
    }
}
