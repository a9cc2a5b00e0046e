//! Walks over one thread's recording, which decode its stream again.
//!
//! A [`Walk`] visits slices in order of their ends; an [`EdgeWalk`] visits starts and ends in order
//! of time, for formats that need edges instead of whole slices.

use std::sync::atomic::Ordering;

use crate::model::decode::{Decoder, Event, NoNodes, Nodes};
use crate::model::slice::Slice;

use super::Trace;

/// Number of slices between two updates of the progress.
const PROGRESS_INTERVAL: u64 = 4096;

/// A resumable reading of one thread's slices, which may move to another thread.
pub(crate) struct Walk<'a> {
    trace: &'a Trace,
    decoder: Option<Decoder<'a>>,
    visited: u64,
}

/// The start or end of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge<'a> {
    /// Slice that starts or ends. At the start, its `end` is not yet known.
    pub(crate) slice: &'a Slice,
    /// True for the start, false for the end.
    pub(crate) is_begin: bool,
}

impl Edge<'_> {
    /// Returns the time of the edge.
    #[inline]
    pub(crate) const fn at(&self) -> u64 {
        if self.is_begin { self.slice.begin } else { self.slice.end }
    }
}

/// A [`Walk`] that visits edges.
pub(crate) struct EdgeWalk<'a>(Walk<'a>);

impl EdgeWalk<'_> {
    /// Visits edges up to the first that `enough` accepts. Returns false if none was: the thread
    /// has no more.
    #[inline]
    pub(crate) fn until(&mut self, mut enough: impl FnMut(Edge<'_>) -> bool) -> bool {
        self.0.until_event(&mut NoNodes::<true>, |event| {
            // `enough` is called in one place so that it is inlined.
            let edge = match *event {
                Event::Begin(slice) => Edge { slice, is_begin: true },
                Event::Slice(slice) => Edge { slice, is_begin: false },
                Event::TaskEnd { .. } | Event::EarlierPoll { .. } | Event::StepMark(_) | Event::Allocation(_) => {
                    return false;
                }
            };
            enough(edge)
        })
    }
}

impl Trace {
    /// Decodes one thread's slices in order of their ends. Slices of one lane nest strictly or are
    /// disjoint.
    pub(crate) fn walk(&self, thread: usize, mut visit: impl FnMut(&Slice)) {
        self.begin_walk(thread).until(|slice| {
            visit(slice);
            false
        });
    }

    /// Starts a walk over one thread's slices that can be read in parts.
    pub(crate) fn begin_walk(&self, thread: usize) -> Walk<'_> {
        Walk { trace: self, decoder: self.decoder(thread), visited: 0 }
    }

    /// Counts a visited slice, and updates the progress once per `PROGRESS_INTERVAL` slices.
    #[inline]
    fn update_progress(&self, visited: &mut u64) {
        *visited += 1;
        if visited.is_multiple_of(PROGRESS_INTERVAL) {
            // ORDERING: a statistic.
            self.walked.fetch_add(PROGRESS_INTERVAL, Ordering::Relaxed);
        }
    }

    /// Starts a walk over one thread's edges. Times never decrease, and on every lane an end
    /// belongs to the innermost start without one.
    pub(crate) fn begin_edges(&self, thread: usize) -> EdgeWalk<'_> {
        EdgeWalk(self.begin_walk(thread))
    }
}

impl Walk<'_> {
    /// Visits slices up to the first that `enough` accepts. Returns false if none was: the thread
    /// has no more.
    #[inline]
    pub(crate) fn until(&mut self, mut enough: impl FnMut(&Slice) -> bool) -> bool {
        self.until_event(
            &mut NoNodes::<false>,
            |event| if let Event::Slice(slice) = event { enough(slice) } else { false },
        )
    }

    /// Visits events of every kind up to the first that `enough` accepts. Returns false if none
    /// was.
    #[inline]
    fn until_event(&mut self, nodes: &mut impl Nodes, mut enough: impl FnMut(&Event<'_>) -> bool) -> bool {
        let Some(decoder) = &mut self.decoder else { return false };
        while let Some(event) = decoder.next(nodes) {
            let enough = enough(&event);
            if let Event::Slice(_) = event {
                self.trace.update_progress(&mut self.visited);
            }
            if enough {
                return true;
            }
        }
        // ORDERING: a statistic.
        self.trace.walked.fetch_add(self.visited % PROGRESS_INTERVAL, Ordering::Relaxed);
        self.decoder = None;
        false
    }
}
