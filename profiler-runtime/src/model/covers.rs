//! The parts that stages which may overlap their siblings cover of the stage that they ran in: guards that cross others,
//! and the lives of async stages.
//!
//! A stage's own time is its duration without the union of the stages directly inside it. Of those that cross no other, and
//! thus are disjoint, it is their sum ([`Slice::stage_children_ns`]). The others are written down in the first reading; the
//! second tells which part of them the disjoint ones have covered already, and the rest is taken from the stage's own time.
//! Exact, in memory that grows with the number of async stages and of stages that cross.

use std::collections::HashMap;

use super::requests::{self, Request};
use super::slice::Slice;
use super::stages::{NodeId, StageTree};
use super::tasks::Task;

/// Takes down the stages that cross others, while threads are read.
#[derive(Default)]
pub(super) struct CoverBook {
    inside: Vec<Inside>,
}

/// A stage that may overlap its siblings.
struct Inside {
    /// Key of the stage around it ([`requests::key`]).
    key: u64,
    node: NodeId,
    begin: u64,
    end: u64,
}

/// Stages with such stages directly inside them, by key.
pub(super) struct Covers {
    by_key: HashMap<u64, Cover>,
}

/// A stage, and what covers it.
struct Cover {
    /// Disjoint, in order.
    intervals: Vec<(u64, u64)>,
    /// Its place in the session's tree.
    node: NodeId,
    /// Key of the request that it ran in; 0 without one.
    request: u64,
    /// Its begin and end, once they are known.
    within: Option<(u64, u64)>,
    /// Time of the intervals in which a stage that crosses no other ran directly inside it, too.
    shared_ns: u64,
}

impl CoverBook {
    /// Takes up a stage or step if it crosses others.
    pub(super) fn crossing(&mut self, slice: &Slice) {
        if slice.crosses && slice.stage_around != 0 {
            let &Slice { stage_around: key, node, begin, end, .. } = slice;
            self.inside.push(Inside { key, node, begin, end });
        }
    }

    /// Returns what these and the lives of `tasks` cover.
    pub(super) fn close(self, tasks: &[Task], stages: &StageTree) -> Covers {
        let Self { mut inside } = self;
        let lives = tasks.iter().filter(|task| task.is_stage() && task.stage_around != 0);
        inside.extend(lives.map(|&Task { stage_around: key, node, begin, end, .. }| Inside { key, node, begin, end }));
        inside.sort_unstable_by_key(|each| (each.key, each.begin));
        let mut by_key: HashMap<u64, Cover> = HashMap::new();
        for each in inside {
            let cover = by_key.entry(each.key).or_insert_with(|| Cover {
                intervals: Vec::new(),
                node: stages.node(each.node).parent,
                request: 0,
                within: None,
                shared_ns: 0,
            });
            cover.add(each.begin, each.end);
        }
        for task in tasks {
            if let Some(cover) = by_key.get_mut(&requests::key(0, Some(task.number))) {
                cover.within = Some((task.begin, task.end));
                cover.request = task.request;
            }
        }
        Covers { by_key }
    }
}

impl Covers {
    /// Takes up the next slice of a row.
    pub(super) fn slice(&mut self, slice: &Slice) {
        if self.by_key.is_empty() || !slice.is_stage() || slice.task.is_some() {
            return;
        }
        if !slice.crosses
            && let Some(around) = self.by_key.get_mut(&slice.stage_around)
        {
            around.shared_ns += overlap(&around.intervals, (slice.begin, slice.end));
        }
        if let Some(cover) = self.by_key.get_mut(&slice.key()) {
            cover.within = Some((slice.begin, slice.end));
            cover.request = slice.request;
        }
    }

    /// Takes what they cover from the stages' own time, in the session and in the requests that are kept.
    pub(super) fn apply(self, stages: &mut StageTree, requests: &mut [Request]) {
        let places: HashMap<u64, usize> = requests.iter().zip(0..).map(|(request, at)| (request.key, at)).collect();
        for cover in self.by_key.into_values() {
            let ns = cover.besides_the_disjoint();
            stages.take_own(cover.node, ns);
            let place = places.get(&cover.request);
            if let Some(request) = place.and_then(|at| requests.get_mut(*at)) {
                request.take_own(cover.node, ns);
            }
        }
    }
}

impl Cover {
    /// Adds an interval, which begins after those before it.
    fn add(&mut self, begin: u64, end: u64) {
        match self.intervals.last_mut() {
            Some((_, until)) if begin <= *until => *until = end.max(*until),
            _ => self.intervals.push((begin, end)),
        }
    }

    fn besides_the_disjoint(&self) -> u64 {
        self.within.map_or(0, |within| overlap(&self.intervals, within).saturating_sub(self.shared_ns))
    }
}

/// Returns how much of the interval the others, which are disjoint and in order, cover.
fn overlap(intervals: &[(u64, u64)], (begin, end): (u64, u64)) -> u64 {
    let first = intervals.partition_point(|interval| interval.1 <= begin);
    let inside = intervals[first..].iter().take_while(|interval| interval.0 < end);
    inside.map(|interval| interval.1.min(end).saturating_sub(interval.0.max(begin))).sum()
}
