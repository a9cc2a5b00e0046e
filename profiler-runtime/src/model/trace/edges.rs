//! A thread's ranges as begins and ends, in the order of time: for formats that want these instead of whole slices.
//!
//! The decoder learns only at an end that a range crosses another and belongs on a lane, when its begin has long been
//! told. Threads on which that happened, which are few, are decoded once before, for the lanes alone: 16 bytes of memory
//! for each such range.

use crate::model::decode::{Event, Nodes};
use crate::model::slice::Slice;
use crate::model::stages::{NodeId, StageTree};
use crate::record::Site;

use super::Trace;

/// Something that happened on a thread; with the lane, 0 for the thread's own row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edge<'a> {
    /// A range began. Its own `end` and `lane` do not say anything yet.
    Begin(&'a Slice, u32),
    /// A range ended.
    End(&'a Slice, u32),
}

/// For walks that want to know begins, and no stages.
struct Begins;

impl Nodes for Begins {
    const TELLS_BEGINS: bool = true;

    fn enter(&mut self, _parent: NodeId, _site: &'static Site) -> NodeId {
        StageTree::ROOT
    }
}

impl Trace {
    /// Decodes one thread's ranges. Times never run backwards, and on every lane an end belongs to the innermost begin that
    /// has none yet.
    pub(crate) fn walk_edges(&self, thread: usize, mut visit: impl FnMut(Edge<'_>)) {
        let lanes = self.lanes_of(thread);
        let Some(mut decoder) = self.decoder(thread) else { return };
        let mut shown = 0;
        while let Some(event) = decoder.next(&mut Begins) {
            match event {
                Event::Begin(slice) => visit(Edge::Begin(slice, lane_of(slice, &lanes))),
                Event::Slice(slice) => {
                    visit(Edge::End(slice, slice.lane));
                    self.tell_progress(&mut shown);
                }
                Event::TaskEnd { .. } | Event::StepMark(_) | Event::Allocation(_) => {}
            }
        }
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
