//! Own time of stages whose inner stages may overlap: guards that cross others, and the lives of
//! async stages.
//!
//! A stage's own time is its duration without the union of the stages directly inside it. The first
//! pass sums the inner stages that cross no other, which are disjoint
//! ([`Slice::stage_children_ns`]), and collects the rest here, sorted. The second pass finds the
//! part of these that the disjoint stages do not already cover, and subtracts it from the outer
//! stage's own time. The result is exact. It costs four bytes per async stage; the subtracted time
//! is summed per node.

use std::collections::HashMap;

use super::requests::Request;
use super::slice::Slice;
use super::stages::StageTree;
use super::tasks::{Record, Tasks};
use super::values::{NodeId, Short};

/// Collects the stages that cross others while threads are read.
#[derive(Default)]
pub(super) struct CoversBuilder {
    stages: Vec<Inner>,
}

/// A stage that may overlap its siblings.
#[derive(Clone, Copy)]
struct Inner {
    /// [`key`](super::values::key) of the stage around it; the short form in [`Covers`].
    key: u64,
    node: NodeId,
    begin: u64,
    end: u64,
}

/// The collected stages as disjoint intervals, and the time to subtract.
pub(super) struct Covers {
    /// Stages that cross others.
    crossing: Vec<Inner>,
    /// Union of the inner stages of each outer stage, by its short key: sorted intervals that do
    /// not touch. An interval is one stage, or its first stage and the stage that [ends](LAST) it.
    /// A task is stored as its rank; crossing stages are numbered after all tasks.
    intervals: Vec<u32>,
    /// Time to subtract from a node's own time, per kept request; key 0 is the rest of the session.
    subtracted: HashMap<(NodeId, u64), i64>,
    /// Indices of the kept requests, by key.
    kept: HashMap<u64, usize>,
}

/// Marks the stage that ends an interval.
const LAST: u32 = 1 << 31;

impl CoversBuilder {
    /// Adds a stage or step if it crosses others.
    pub(super) fn crossing(&mut self, slice: &Slice) {
        if slice.crosses && slice.stage_around != 0 {
            let &Slice { stage_around: key, node, begin, end, .. } = slice;
            self.stages.push(Inner { key, node, begin, end });
        }
    }

    /// Merges the collected stages and the lives of `tasks` into intervals. `kept` maps keys of
    /// kept requests to their indices.
    pub(super) fn close(self, tasks: &Tasks, stages: &StageTree, kept: HashMap<u64, usize>) -> Covers {
        let crossing = self.stages.into_iter().map(|each| Inner { key: tasks.short(each.key), ..each }).collect();
        let mut covers = Covers { crossing, intervals: Vec::new(), subtracted: HashMap::new(), kept };
        let lives = || tasks.iter().filter(|task| task.is_stage() && task.has_stage_around()).map(|task| task.rank);
        // CAST: at most half as many as there are ranges.
        let crossing = (tasks.all()..).take(covers.crossing.len()).map(|at| at as u32);
        covers.intervals.reserve_exact(lives().count() + covers.crossing.len());
        covers.intervals.extend(lives().chain(crossing));
        let mut intervals = std::mem::take(&mut covers.intervals);
        intervals.sort_unstable_by_key(|at| {
            let Inner { key, begin, .. } = covers.at(tasks, *at);
            (key, begin)
        });
        covers.merge(tasks, &mut intervals);
        covers.intervals = intervals;
        covers.subtract_tasks(tasks, stages);
        covers
    }
}

impl Covers {
    /// Returns the stage with this index.
    fn at(&self, tasks: &Tasks, index: u32) -> Inner {
        let index = (index & !LAST) as usize;
        match index.checked_sub(tasks.all()) {
            Some(at) => self.crossing[at],
            None => {
                let Record { around, node, begin, end, .. } = tasks.records[index];
                Inner { key: around.get(), node, begin, end }
            }
        }
    }

    /// Merges sorted stages (by key, then begin) into intervals that do not touch, in place.
    fn merge(&self, tasks: &Tasks, intervals: &mut Vec<u32>) {
        let (mut len, mut last) = (0, None);
        for at in 0..intervals.len() {
            let index = intervals[at];
            let Inner { key, begin, end, .. } = self.at(tasks, index);
            match &mut last {
                Some((of, until)) if *of == key && begin <= *until => {
                    if end > *until {
                        *until = end;
                        len -= usize::from(intervals[len - 1] & LAST != 0);
                        intervals[len] = index | LAST;
                        len += 1;
                    }
                }
                _ => {
                    last = Some((key, end));
                    intervals[len] = index;
                    len += 1;
                }
            }
        }
        intervals.truncate(len);
    }

    /// Subtracts the time that lives cover from the own time of the async stages around them.
    fn subtract_tasks(&mut self, tasks: &Tasks, stages: &StageTree) {
        let mut at = 0;
        while let Some(&index) = self.intervals.get(at) {
            let key = self.at(tasks, index).key;
            if let Some(rank) = Short::new(key).task() {
                let task = tasks.task(rank, 0);
                self.subtract(tasks, stages, key, (task.begin, task.end), || task.request(), 1);
            }
            at += self.intervals[at..].partition_point(|index| self.at(tasks, *index).key <= key);
        }
    }

    /// Processes the next slice of a row, in the second pass.
    pub(super) fn slice(&mut self, tasks: &Tasks, stages: &StageTree, slice: &Slice) {
        if self.intervals.is_empty() || !slice.is_stage() || slice.task.is_some() {
            return;
        }
        let times = (slice.begin, slice.end);
        if !slice.crosses && slice.stage_around != 0 {
            let key = tasks.short(slice.stage_around);
            let around = Short::new(key).task();
            let request = || around.map_or(slice.stage_request, |rank| tasks.task(rank, 0).request());
            self.subtract(tasks, stages, key, times, request, -1);
        }
        self.subtract(tasks, stages, slice.external_id, times, || slice.request, 1);
    }

    /// Subtracts the time that inner stages cover within a part of a stage, given by its short key,
    /// from the stage's own time. With `sign` -1 it adds that time back.
    fn subtract(
        &mut self,
        tasks: &Tasks,
        stages: &StageTree,
        key: u64,
        (begin, end): (u64, u64),
        request: impl FnOnce() -> u64,
        sign: i64,
    ) {
        let is_before = |index: &u32| {
            let each = self.at(tasks, *index);
            (each.key, each.end) <= (key, begin)
        };
        let from = self.intervals.partition_point(is_before);
        let is_last = |index: &&u32| **index & LAST != 0;
        let from = from - usize::from(self.intervals.get(from).is_some_and(|index| is_last(&index)));
        let (mut indices, mut ns) = (self.intervals[from..].iter().peekable(), 0);
        while let Some(index) = indices.next() {
            let Inner { key: of, begin: first, end: until, .. } = self.at(tasks, *index);
            if of != key || first >= end {
                break;
            }
            let until = indices.next_if(is_last).map_or(until, |last| self.at(tasks, *last).end);
            ns += until.min(end).saturating_sub(first.max(begin));
        }
        if ns > 0 {
            let first = self.intervals.partition_point(|index| self.at(tasks, *index).key < key);
            let around = stages.node(self.at(tasks, self.intervals[first]).node).parent;
            let request = Some(request()).filter(|request| self.kept.contains_key(request)).unwrap_or(0);
            // CAST: shorter than 292 years.
            *self.subtracted.entry((around, request)).or_default() += sign * ns as i64;
        }
    }

    /// Applies the collected corrections to the session's stages and to the kept requests.
    pub(super) fn apply(self, stages: &mut StageTree, requests: &mut [Request]) {
        let mut session: HashMap<NodeId, i64> = HashMap::new();
        for ((node, request), ns) in self.subtracted {
            *session.entry(node).or_default() += ns;
            let request = self.kept.get(&request).and_then(|at| requests.get_mut(*at));
            if let (Some(request), Ok(ns)) = (request, u64::try_from(ns)) {
                request.subtract_own(node, ns);
            }
        }
        for (node, ns) in session {
            stages.subtract_own(node, u64::try_from(ns).unwrap_or(0));
        }
    }
}
