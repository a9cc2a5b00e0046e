//! Requests: the units of work that timings are grouped by.
//!
//! A request that a guard opened belongs to its thread; the stages that ran on that thread while it was open are its
//! stages. A future's request is a task: what ran in its polls, on whichever threads, is its own.

use std::collections::HashMap;

use crate::record::Kind;

use super::slice::Slice;
use super::stages::{NodeId, StageTree};
use super::tasks::Task;

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
    /// See [`key`].
    pub(super) key: u64,
    /// See [`Open::places`].
    pub(super) places: HashMap<NodeId, NodeId>,
}

impl Request {
    /// Adds GPU work that it launched from a stage of the session's tree. In order of begin.
    pub(super) fn add_gpu(&mut self, node: NodeId, begin: u64, end: u64) {
        let place = self.places.get(&node).copied().unwrap_or(StageTree::ROOT);
        self.stages.add_gpu(place, begin, end);
    }

    /// A future's request, with what its polls have gathered.
    fn of_task(task: &Task, open: Open) -> Self {
        let id = task.text.as_deref().map_or_else(|| format!("task {}", task.number), str::to_owned);
        let Open { stages, places } = open;
        let key = key(0, Some(task.number));
        let (begin, end) = (task.begin, task.end);
        let unaccounted_ns = task.duration().saturating_sub(stages.node(StageTree::ROOT).children_ns);
        Self { id, begin, end, stages, unaccounted_ns, key, places }
    }

    /// Adds an async stage, whose life was opened in it.
    fn add_task(&mut self, task: &Task, opened_in: NodeId, tree: &StageTree) {
        self.places.entry(opened_in).or_insert(StageTree::ROOT);
        let place = place(&mut self.stages, &mut self.places, task.node, tree);
        self.stages.add_life(place, task);
    }

    /// Takes time from the own time of a stage of the session's tree, if it ran in this request.
    pub(super) fn take_own(&mut self, node: NodeId, ns: u64) {
        if let Some(&place) = self.places.get(&node) {
            self.stages.take_own(place, ns);
        }
    }

    /// Async stages cover so much of it, besides what other stages cover.
    pub(super) fn cover(&mut self, ns: u64) {
        self.unaccounted_ns = self.unaccounted_ns.saturating_sub(ns);
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
    /// See [`key`].
    pub(super) key: u64,
}

/// Marks the key of a future's request.
const TASK: u64 = 1 << 63;

/// What names a request: the `External id` of its range; of a future's, whose polls are many ranges, its task's number
/// with a mark.
pub(super) const fn key(external_id: u64, task: Option<u64>) -> u64 {
    match task {
        Some(task) => task | TASK,
        None => external_id,
    }
}

/// Gathers one thread's requests. Slices arrive when they end, so the stages come before the request that they ran in.
#[derive(Default)]
pub(super) struct RequestBook {
    /// By key.
    open: Vec<(u64, Open)>,
    pub(super) requests: Vec<Request>,
    /// Requests beyond [`MAX_REQUESTS`].
    pub(super) left_out: u64,
}

/// What the polls of futures' requests have gathered, by key, from all threads.
#[derive(Default)]
pub(super) struct Scopes {
    open: HashMap<u64, Open>,
    /// There were more than [`MAX_REQUESTS`].
    is_full: bool,
}

/// A request that has not ended.
struct Open {
    stages: StageTree,
    /// The request's own node for a node of the session's tree.
    places: HashMap<NodeId, NodeId>,
}

impl RequestBook {
    /// A stage or step has ended; `tree` is the session's.
    pub(super) fn stage(&mut self, slice: &Slice, tree: &StageTree, scopes: &mut Scopes) {
        let Some(InRequest { opened_in, key, .. }) = slice.request else { return };
        if key & TASK != 0 {
            return scopes.stage(key, slice, opened_in, tree);
        }
        let known = self.open.iter().rposition(|(open, _)| *open == key);
        let at = known.unwrap_or_else(|| {
            self.open.push((key, Open::new()));
            self.open.len() - 1
        });
        self.open[at].1.stage(slice, opened_in, tree);
    }

    /// A request has ended.
    pub(super) fn request(&mut self, slice: &Slice) {
        let open = self.open.iter().rposition(|(open, _)| *open == slice.key()).map(|at| self.open.remove(at).1);
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
            key: key(slice.external_id, None),
            places,
        });
    }
}

impl Open {
    fn new() -> Self {
        Self { stages: StageTree::new(), places: HashMap::new() }
    }

    fn stage(&mut self, slice: &Slice, opened_in: NodeId, tree: &StageTree) {
        self.places.entry(opened_in).or_insert(StageTree::ROOT);
        let place = place(&mut self.stages, &mut self.places, slice.node, tree);
        self.stages.add_slice(place, slice);
    }
}

impl Scopes {
    fn stage(&mut self, key: u64, slice: &Slice, opened_in: NodeId, tree: &StageTree) {
        let room = self.open.len() < MAX_REQUESTS;
        self.is_full |= !room;
        if room || self.open.contains_key(&key) {
            self.open.entry(key).or_insert_with(Open::new).stage(slice, opened_in, tree);
        }
    }

    /// All requests in order of begin, the futures' among them, with their async stages; and how many more there were.
    pub(super) fn close(mut self, mut requests: Vec<Request>, tasks: &[Task], tree: &StageTree) -> (Vec<Request>, u64) {
        let mut left_out = 0;
        for task in tasks.iter().filter(|task| task.site.kind() == Kind::Request) {
            let open = self.open.remove(&key(0, Some(task.number)));
            if requests.len() < MAX_REQUESTS && (open.is_some() || !self.is_full) {
                requests.push(Request::of_task(task, open.unwrap_or_else(Open::new)));
            } else {
                left_out += 1;
            }
        }
        requests.sort_by_key(|request| request.begin);
        let by_key: HashMap<u64, usize> = requests.iter().zip(0..).map(|(request, at)| (request.key, at)).collect();
        for task in tasks.iter().filter(|task| task.is_stage()) {
            let Some(InRequest { opened_in, key, .. }) = task.request else { continue };
            if let Some(request) = by_key.get(&key).and_then(|&at| requests.get_mut(at)) {
                request.add_task(task, opened_in, tree);
            }
        }
        (requests, left_out)
    }
}

/// The request's own node for a node of the session's tree, made if it is new.
fn place(stages: &mut StageTree, places: &mut HashMap<NodeId, NodeId>, node: NodeId, tree: &StageTree) -> NodeId {
    if let Some(&place) = places.get(&node) {
        return place;
    }
    let original = tree.node(node);
    let Some(site) = original.site else { return StageTree::ROOT };
    let parent = place(stages, places, original.parent, tree);
    let place = stages.child(parent, site);
    places.insert(node, place);
    place
}
