//! What the lives of async stages cover of the stage or request that they were first polled in.
//!
//! A stage's own time is its duration without the union of the stages that ran in it. Those on its own row are known when it
//! ends ([`Slice::stage_children_ns`]); a life is known when every thread has been read, and may go on elsewhere at the same
//! time. So the second reading tells which part of the lives the rows have covered already, and the rest is taken from what
//! is a stage's own, or in no stage of a request. Exact, in memory that grows with the number of async stages.

use std::collections::HashMap;

use super::requests::{self, Request};
use super::slice::Slice;
use super::stages::{NodeId, StageTree};
use super::tasks::Task;

/// Stages and requests with async stages directly inside them, by key ([`requests::key`]).
#[derive(Default)]
pub(super) struct Covers {
    by_key: HashMap<u64, Cover>,
}

/// A stage or request, and the lives in it.
#[derive(Default)]
struct Cover {
    /// Merged, in order.
    lives: Vec<(u64, u64)>,
    /// The stage's place in the session's tree; `None` for a request.
    node: Option<NodeId>,
    /// The request that the stage ran in.
    request: Option<u64>,
    /// Its begin and end, once they are known.
    within: Option<(u64, u64)>,
    /// Time of the lives in which a stage directly inside it ran on its row, too.
    shared_ns: u64,
}

/// The reading of one row.
#[derive(Default)]
pub(super) struct RowCovers {
    /// End of the last stage on this row that was told, for each key.
    until: HashMap<u64, u64>,
}

impl Covers {
    /// Returns the stages and requests around `tasks`, which are in order of begin.
    pub(super) fn of(tasks: &[Task], requests: &[Request], stages: &StageTree) -> Self {
        let mut covers = Self::default();
        for task in tasks.iter().filter(|task| task.is_stage()) {
            if task.stage_around != 0 {
                let around = covers.by_key.entry(task.stage_around).or_default();
                around.node = Some(stages.node(task.node).parent);
                around.add(task);
            }
            if let Some(request) = task.request {
                covers.by_key.entry(request.key).or_default().add(task);
            }
        }
        for task in tasks {
            if let Some(cover) = covers.by_key.get_mut(&requests::key(0, Some(task.number))) {
                cover.within = Some((task.begin, task.end));
                cover.request = task.request.map(|request| request.key);
            }
        }
        for request in requests {
            if let Some(cover) = covers.by_key.get_mut(&request.key) {
                cover.within = Some((request.begin, request.end));
            }
        }
        covers
    }

    /// Takes what the lives cover besides the rows from the stages' own time, and from the requests' unaccounted time.
    pub(super) fn apply(self, stages: &mut StageTree, requests: &mut [Request]) {
        let places: HashMap<u64, usize> = requests.iter().zip(0..).map(|(request, at)| (request.key, at)).collect();
        let request_at = |key: u64| places.get(&key).copied();
        for (key, cover) in self.by_key {
            let ns = cover.besides_the_rows();
            match cover.node {
                Some(node) => {
                    stages.take_own(node, ns);
                    let around = cover.request.and_then(request_at).and_then(|at| requests.get_mut(at));
                    around.into_iter().for_each(|request| request.take_own(node, ns));
                }
                None => {
                    let request = request_at(key).and_then(|at| requests.get_mut(at));
                    request.into_iter().for_each(|request| request.cover(ns));
                }
            }
        }
    }
}

impl RowCovers {
    /// Takes up the next slice of the row.
    pub(super) fn slice(&mut self, slice: &Slice, covers: &mut Covers) {
        if covers.by_key.is_empty() || !slice.is_stage() || slice.task.is_some() {
            return;
        }
        self.inside(slice.stage_around, slice, covers);
        if let Some(request) = slice.request
            && slice.stage_request != request.key
        {
            self.inside(request.key, slice, covers);
        }
        if let Some(cover) = covers.by_key.get_mut(&slice.key()) {
            cover.within = Some((slice.begin, slice.end));
            cover.request = slice.request.map(|request| request.key);
        }
    }

    /// Counts a slice that ran directly inside the stage or request with this key. Slices of a row come in order of their
    /// ends.
    fn inside(&mut self, key: u64, slice: &Slice, covers: &mut Covers) {
        let Some(cover) = covers.by_key.get_mut(&key) else { return };
        let until = self.until.entry(key).or_default();
        cover.shared_ns += overlap(&cover.lives, (slice.begin.max(*until), slice.end));
        *until = slice.end;
    }
}

impl Cover {
    /// Adds a life, which begins after those before it.
    fn add(&mut self, task: &Task) {
        match self.lives.last_mut() {
            Some((_, end)) if task.begin <= *end => *end = task.end.max(*end),
            _ => self.lives.push((task.begin, task.end)),
        }
    }

    fn besides_the_rows(&self) -> u64 {
        self.within.map_or(0, |within| overlap(&self.lives, within).saturating_sub(self.shared_ns))
    }
}

/// Returns how much of the interval the others, which are disjoint and in order, cover.
fn overlap(lives: &[(u64, u64)], (begin, end): (u64, u64)) -> u64 {
    let first = lives.partition_point(|life| life.1 <= begin);
    let inside = lives[first..].iter().take_while(|life| life.0 < end);
    inside.map(|life| life.1.min(end).saturating_sub(life.0.max(begin))).sum()
}
