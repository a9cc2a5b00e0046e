//! Requests: the units of work that timings are grouped by.
//!
//! A request belongs to the thread that opened it; the stages that ran on that thread while it was open are its stages.

use std::collections::HashMap;

use super::slice::Slice;
use super::stages::{NodeId, StageTree};

/// One request; without any, the session is the only one. Nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// As the program named it.
    pub(crate) id: String,
    /// When it began.
    pub(crate) begin: u64,
    /// When it ended.
    pub(crate) end: u64,
    /// The stages that ran in it.
    pub(crate) stages: StageTree,
    /// Time in none of its top-level stages.
    pub(crate) unaccounted_ns: u64,
    /// `External id` of its range.
    pub(super) external_id: u64,
    /// See [`Open::places`].
    pub(super) places: HashMap<NodeId, NodeId>,
}

impl Request {
    /// Adds GPU work that it launched from a stage of the session's tree. In order of begin.
    pub(super) fn add_gpu(&mut self, node: NodeId, begin: u64, end: u64) {
        let place = self.places.get(&node).copied().unwrap_or(StageTree::ROOT);
        self.stages.add_gpu(place, begin, end);
    }

    /// How long it took.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }
}

/// Requests that are kept one by one; of further ones only the stages count, in the session's tree.
pub(crate) const MAX_REQUESTS: usize = 1000;

/// The innermost request around a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InRequest {
    /// How many requests enclose it, from 1.
    pub(super) depth: u32,
    /// The stage in which the request was opened.
    pub(super) opened_in: NodeId,
    /// Its `External id`.
    pub(super) id: u64,
}

/// Gathers one thread's requests. Slices arrive when they end, so the stages come before the request that they ran in.
#[derive(Default)]
pub(super) struct RequestBook {
    open: Vec<Open>,
    pub(super) requests: Vec<Request>,
    /// Requests beyond [`MAX_REQUESTS`].
    pub(super) left_out: u64,
}

/// A request that has not ended.
struct Open {
    stages: StageTree,
    /// The request's own node for a node of the session's tree.
    places: HashMap<NodeId, NodeId>,
}

impl RequestBook {
    /// A stage or step has ended; `tree` is the session's.
    pub(super) fn stage(&mut self, slice: &Slice, tree: &StageTree) {
        let Some(InRequest { depth, opened_in, .. }) = slice.request else { return };
        while self.open.len() < depth as usize {
            self.open.push(Open::new());
        }
        if let Some(open) = self.open.get_mut(depth as usize - 1) {
            open.places.entry(opened_in).or_insert(StageTree::ROOT);
            let place = open.place(slice.node, tree);
            open.stages.add_call(place, slice.begin, slice.duration());
        }
    }

    /// A request has ended.
    pub(super) fn request(&mut self, slice: &Slice) {
        let depth = slice.request.map_or(1, |around| around.depth + 1);
        let open = if self.open.len() >= depth as usize { self.open.pop() } else { None };
        if self.requests.len() >= MAX_REQUESTS {
            self.left_out += 1;
            return;
        }
        let Open { stages, places } = open.unwrap_or_else(Open::new);
        let covered = stages.node(StageTree::ROOT).children_ns;
        let unaccounted_ns = slice.duration().saturating_sub(covered);
        self.requests.push(Request {
            id: slice.args().text.clone(),
            begin: slice.begin,
            end: slice.end,
            stages,
            unaccounted_ns,
            external_id: slice.external_id,
            places,
        });
    }
}

impl Open {
    fn new() -> Self {
        Self { stages: StageTree::new(), places: HashMap::new() }
    }

    fn place(&mut self, node: NodeId, tree: &StageTree) -> NodeId {
        if let Some(&place) = self.places.get(&node) {
            return place;
        }
        let original = tree.node(node);
        let Some(site) = original.site else { return StageTree::ROOT };
        let parent = self.place(original.parent, tree);
        let place = self.stages.child(parent, site);
        self.places.insert(node, place);
        place
    }
}
