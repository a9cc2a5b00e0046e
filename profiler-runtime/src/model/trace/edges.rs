//! A thread's ranges as begins and ends, in the order of time: for formats that want these instead of whole slices.
//!
//! The decoder learns only at an end that a range crosses another and belongs on a lane, when its begin has long been
//! told. Threads on which that happened, which are few, are decoded once before, for the lanes alone: 16 bytes of memory
//! for each such range.

use crate::model::decode::{Event, Nodes};
use crate::model::slice::Slice;
use crate::model::stages::{NodeId, StageTree};
use crate::record::Site;

use super::{Trace, Walk};

/// A begin or an end of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge<'a> {
    /// Whose. At its begin its own `end` and `lane` do not say anything yet.
    pub(crate) slice: &'a Slice,
    /// The lane, 0 for the thread's own row.
    pub(crate) lane: u32,
    /// Whether it begins.
    pub(crate) is_begin: bool,
}

impl Edge<'_> {
    /// When it happened.
    #[inline]
    pub(crate) const fn at(&self) -> u64 {
        if self.is_begin { self.slice.begin } else { self.slice.end }
    }
}

/// For walks that want to know begins, and no stages.
struct Begins;

impl Nodes for Begins {
    const TELLS_BEGINS: bool = true;

    fn enter(&mut self, _parent: NodeId, _site: &'static Site) -> NodeId {
        StageTree::ROOT
    }
}

/// A [`Walk`] that shows edges.
pub(crate) struct EdgeWalk<'a> {
    walk: Walk<'a>,
    /// As [`lanes_of`](Trace::lanes_of) tells.
    lanes: Vec<(u64, u32)>,
}

impl EdgeWalk<'_> {
    /// Shows the next edges, up to the first for which `enough` says so; false if there was none: the thread has no more.
    #[inline]
    pub(crate) fn until(&mut self, mut enough: impl FnMut(Edge<'_>) -> bool) -> bool {
        let Self { walk, lanes } = self;
        walk.until_event(&mut Begins, |event| {
            // One call of `enough`, so that it is compiled in line.
            let edge = match *event {
                Event::Begin(slice) => Edge { slice, lane: lane_of(slice, lanes), is_begin: true },
                Event::Slice(slice) => Edge { slice, lane: slice.lane, is_begin: false },
                Event::TaskEnd { .. } | Event::StepMark(_) | Event::Allocation(_) => return false,
            };
            enough(edge)
        })
    }
}

impl Trace {
    /// Decodes one thread's ranges, in parts. Times never run backwards, and on every lane an end belongs to the innermost
    /// begin that has none yet.
    pub(crate) fn begin_edges(&self, thread: usize) -> EdgeWalk<'_> {
        EdgeWalk { lanes: self.lanes_of(thread), walk: self.begin_walk(thread) }
    }

    /// `External id` and lane of the ranges that are not on the thread's own row, by id.
    fn lanes_of(&self, thread: usize) -> Vec<(u64, u32)> {
        let mut lanes = Vec::new();
        if self.threads.get(thread).is_some_and(|thread| thread.lanes > 0) {
            self.walk(thread, |slice| {
                if slice.lane > 0 {
                    lanes.push((slice.external_id, slice.lane));
                }
            });
            lanes.sort_unstable();
        }
        lanes
    }
}

#[inline]
fn lane_of(slice: &Slice, lanes: &[(u64, u32)]) -> u32 {
    if lanes.is_empty() {
        return 0;
    }
    lanes.binary_search_by_key(&slice.external_id, |(id, _)| *id).map_or(0, |at| lanes[at].1)
}
