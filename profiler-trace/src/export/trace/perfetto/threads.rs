//! The threads of a recording as tracks, whose pages are filled on several cores.
//!
//! All tracks are described first. Then threads are dealt to parts
//! ([`partition`](crate::export::trace::partition)), and a page of each part is written in turn. A
//! thread is one sequence of packets, whose id is known before, so that a part needs nothing of
//! another.

use std::collections::{HashSet, VecDeque};

use crate::export::events::ranges::{Part as Shows, Range};
use crate::export::events::{Event, Row};
use crate::export::trace::buffer::FULL;
use crate::export::trace::parallel::Stream;
use crate::export::trace::partition::deal;
use crate::model::{Edge, EdgeWalk, Slice, Trace};

use super::calls::{self, Calls};
use super::schema::event;
use super::sequence::Sequence;
use super::tracks::{Track, Tracks};
use super::writer::Writer;

/// Some of the threads, one after the other.
pub(super) struct Part<'a> {
    trace: &'a Trace,
    /// Threads that are still to come.
    threads: VecDeque<Shown<'a>>,
    /// Thread that is shown now.
    now: Option<Now<'a>>,
}

/// A thread whose tracks are described.
struct Shown<'a> {
    /// Its place in the trace; `None` if it recorded nothing and only called CUDA.
    index: Option<usize>,
    track: u64,
    /// The tracks of its lanes, from 1.
    lanes: Vec<u64>,
    calls: Calls<'a>,
    /// The id of its sequence.
    sequence: u64,
    /// Number of its ranges and calls.
    size: u64,
}

/// Describes the tracks of all threads, and deals those with ranges or CUDA calls out.
pub(super) fn parts<'a>(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &'a Trace) -> VecDeque<Part<'a>> {
    let mut os_ids = HashSet::new();
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for (index, thread) in trace.threads.iter().enumerate() {
        let os_id = thread.identity.os_id;
        // Two threads may have had the same id, one after the other; a call does not tell which of
        // them made it.
        let calls = if os_ids.insert(os_id) { Calls::of(trace, os_id) } else { Calls::none(trace) };
        let size = thread.ranges + calls.count();
        let track = tracks.of(writer, Track::Row(Row::Thread(index, 0)));
        let lanes = (1..=thread.lanes).map(|lane| tracks.of(writer, Track::Row(Row::Thread(index, lane)))).collect();
        shown.push(Shown { index: Some(index), track, lanes, calls, sequence: writer.new_sequence(), size });
    }
    for os_id in calls::callers(trace).filter(|&os_id| !os_ids.contains(&u64::from(os_id))) {
        let (calls, track) = (Calls::of(trace, os_id.into()), tracks.of(writer, Track::Row(Row::Caller(os_id))));
        let (size, sequence) = (calls.count(), writer.new_sequence());
        shown.push(Shown { index: None, track, lanes: Vec::new(), calls, sequence, size });
    }
    shown.retain(|thread| thread.size > 0);
    let part = |threads| Part { trace, threads, now: None };
    deal(shown, |thread| thread.size).into_iter().map(part).collect()
}

impl Stream for Part<'_> {
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        loop {
            if let Some(now) = &mut self.now
                && now.fill(page)
            {
                return true;
            }
            match self.threads.pop_front() {
                Some(next) => self.now = Some(Now::open(self.trace, next, page)),
                None => return false,
            }
        }
    }
}

/// A thread that is being written into pages.
struct Now<'a> {
    walk: Option<EdgeWalk<'a>>,
    /// An edge that is the next to be written, and whether it is a begin: calls before it have
    /// filled the page. Seldom, so it is worth a copy.
    late: Option<(Slice, bool)>,
    track: ThreadTrack<'a>,
}

impl<'a> Now<'a> {
    fn open(trace: &'a Trace, shown: Shown<'a>, page: &mut Vec<u8>) -> Self {
        let Shown { index, track, lanes, calls, sequence, .. } = shown;
        let sequence = Sequence::open(page, sequence, track, trace.begin.min(calls.begin()));
        let walk = index.map(|index| trace.begin_edges(index));
        Self { walk, late: None, track: ThreadTrack { trace, sequence, lanes, calls } }
    }

    /// Fills the page; false if the thread has nothing left after it.
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        let Self { walk, late, track } = self;
        if let Some((slice, is_begin)) = late {
            if !track.push_late(page, Edge { slice, is_begin: *is_begin }) {
                return true;
            }
            *late = None;
        }
        let is_full = walk.as_mut().is_some_and(|walk| {
            walk.until(|edge| {
                if !track.push(page, edge) {
                    *late = Some((edge.slice.clone(), edge.is_begin));
                }
                page.len() >= FULL
            })
        });
        is_full || !track.calls.until(&mut track.sequence, page, u64::MAX)
    }
}

/// The track of a thread, and those of its lanes.
struct ThreadTrack<'a> {
    trace: &'a Trace,
    sequence: Sequence,
    lanes: Vec<u64>,
    calls: Calls<'a>,
}

impl ThreadTrack<'_> {
    #[cold]
    #[inline(never)]
    fn push_late(&mut self, page: &mut Vec<u8>, edge: Edge<'_>) -> bool {
        self.push(page, edge)
    }

    /// Appends an edge, and the calls before it; false if the calls filled the page and the edge is
    /// not written yet.
    // For every begin and end.
    #[inline(always)]
    fn push(&mut self, page: &mut Vec<u8>, edge: Edge<'_>) -> bool {
        if !self.calls.until(&mut self.sequence, page, edge.at()) {
            return false;
        }
        let track = match edge.slice.lane {
            0 => 0,
            // Every lane has a track: the thread was read before.
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
