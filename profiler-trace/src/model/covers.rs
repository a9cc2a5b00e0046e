//! The parts that stages which may overlap their siblings cover of the stage that they ran in:
//! guards that cross others, and the lives of async stages.
//!
//! A stage's own time is its duration without the union of the stages directly inside it. Of those
//! that cross no other, and thus are disjoint, it is their sum ([`Slice::stage_children_ns`]). The
//! others are put in order after the first reading; the second tells which part of them the
//! disjoint ones have covered already, and the rest is taken from the stage's own time. Exact, in
//! four bytes for an async stage; what is taken is summed up by node.

use std::collections::HashMap;

use super::requests::Request;
use super::slice::Slice;
use super::stages::StageTree;
use super::tasks::{Record, Short, Tasks};
use super::values::NodeId;

/// Records the stages that cross others, while threads are read.
#[derive(Default)]
pub(super) struct CoverBook {
    inside: Vec<Inside>,
}

/// A stage that may overlap its siblings.
#[derive(Clone, Copy)]
struct Inside {
    /// Key of the stage around it ([`key`](super::values::key)); in [`Covers`] the short form.
    key: u64,
    node: NodeId,
    begin: u64,
    end: u64,
}

/// The stages that have such stages directly inside them.
pub(super) struct Covers {
    /// Stages that cross others.
    crossing: Vec<Inside>,
    /// Union of the stages inside each stage, by its short key: intervals in order, none of which
    /// touch. An interval is one stage, or its first and the one that [ends](LAST) it: a task by
    /// its rank, crossing stages behind them.
    intervals: Vec<u32>,
    /// Time to take from the own time of a node, in a request that is kept or, by 0, in none.
    taken: HashMap<(NodeId, u64), i64>,
    /// Indices of the requests that are kept, by key.
    kept: HashMap<u64, usize>,
}

/// Marks the stage that ends an interval.
const LAST: u32 = 1 << 31;

impl CoverBook {
    /// Records a stage or step if it crosses others.
    pub(super) fn crossing(&mut self, slice: &Slice) {
        if slice.crosses && slice.stage_around != 0 {
            let &Slice { stage_around: key, node, begin, end, .. } = slice;
            self.inside.push(Inside { key, node, begin, end });
        }
    }

    /// Returns the parts that these and the lives of `tasks` cover; `kept` has the indices of kept
    /// requests, by key.
    pub(super) fn close(self, tasks: &Tasks, stages: &StageTree, kept: HashMap<u64, usize>) -> Covers {
        let crossing = self.inside.into_iter().map(|each| Inside { key: tasks.short(each.key), ..each }).collect();
        let mut covers = Covers { crossing, intervals: Vec::new(), taken: HashMap::new(), kept };
        let lives = || tasks.iter().filter(|task| task.is_stage() && task.has_stage_around()).map(|task| task.rank);
        // CAST: half as many as there are ranks.
        let crossing = (tasks.all()..).take(covers.crossing.len()).map(|at| at as u32);
        covers.intervals.reserve_exact(lives().count() + covers.crossing.len());
        covers.intervals.extend(lives().chain(crossing));
        let mut intervals = std::mem::take(&mut covers.intervals);
        intervals.sort_unstable_by_key(|at| {
            let Inside { key, begin, .. } = covers.at(tasks, *at);
            (key, begin)
        });
        covers.merge(tasks, &mut intervals);
        covers.intervals = intervals;
        covers.take_of_tasks(tasks, stages);
        covers
    }
}

impl Covers {
    /// Returns a stage by its place.
    fn at(&self, tasks: &Tasks, place: u32) -> Inside {
        let place = (place & !LAST) as usize;
        match place.checked_sub(tasks.all()) {
            Some(at) => self.crossing[at],
            None => {
                let Record { around, node, begin, end, .. } = tasks.records[place];
                Inside { key: around.get(), node, begin, end }
            }
        }
    }

    /// Adds the stages inside one stage as intervals that do not touch; they come by key, in order
    /// of begin.
    fn merge(&self, tasks: &Tasks, intervals: &mut Vec<u32>) {
        let (mut len, mut last) = (0, None);
        for at in 0..intervals.len() {
            let place = intervals[at];
            let Inside { key, begin, end, .. } = self.at(tasks, place);
            match &mut last {
                Some((of, until)) if *of == key && begin <= *until => {
                    if end > *until {
                        *until = end;
                        len -= usize::from(intervals[len - 1] & LAST != 0);
                        intervals[len] = place | LAST;
                        len += 1;
                    }
                }
                _ => {
                    last = Some((key, end));
                    intervals[len] = place;
                    len += 1;
                }
            }
        }
        intervals.truncate(len);
    }

    /// Takes the time that lives cover from the own time of the async stages around them.
    fn take_of_tasks(&mut self, tasks: &Tasks, stages: &StageTree) {
        let mut at = 0;
        while let Some(&place) = self.intervals.get(at) {
            let key = self.at(tasks, place).key;
            if let Some(rank) = Short::new(key).task() {
                let task = tasks.task(rank, 0);
                self.take(tasks, stages, key, (task.begin, task.end), || task.request(), 1);
            }
            at += self.intervals[at..].partition_point(|place| self.at(tasks, *place).key <= key);
        }
    }

    /// Processes the next slice of a row.
    pub(super) fn slice(&mut self, tasks: &Tasks, stages: &StageTree, slice: &Slice) {
        if self.intervals.is_empty() || !slice.is_stage() || slice.task.is_some() {
            return;
        }
        let times = (slice.begin, slice.end);
        if !slice.crosses && slice.stage_around != 0 {
            let key = tasks.short(slice.stage_around);
            let around = Short::new(key).task();
            let request = || around.map_or(slice.stage_request, |rank| tasks.task(rank, 0).request());
            self.take(tasks, stages, key, times, request, -1);
        }
        self.take(tasks, stages, slice.external_id, times, || slice.request, 1);
    }

    /// Takes the time that inner stages cover of a part of a stage, by its short key, from its own;
    /// or gives it back.
    fn take(
        &mut self,
        tasks: &Tasks,
        stages: &StageTree,
        key: u64,
        (begin, end): (u64, u64),
        request: impl FnOnce() -> u64,
        sign: i64,
    ) {
        let is_before = |place: &u32| {
            let each = self.at(tasks, *place);
            (each.key, each.end) <= (key, begin)
        };
        let from = self.intervals.partition_point(is_before);
        let is_last = |place: &&u32| **place & LAST != 0;
        let from = from - usize::from(self.intervals.get(from).is_some_and(|place| is_last(&place)));
        let (mut places, mut ns) = (self.intervals[from..].iter().peekable(), 0);
        while let Some(place) = places.next() {
            let Inside { key: of, begin: first, end: until, .. } = self.at(tasks, *place);
            if of != key || first >= end {
                break;
            }
            let until = places.next_if(is_last).map_or(until, |last| self.at(tasks, *last).end);
            ns += until.min(end).saturating_sub(first.max(begin));
        }
        if ns > 0 {
            let first = self.intervals.partition_point(|place| self.at(tasks, *place).key < key);
            let around = stages.node(self.at(tasks, self.intervals[first]).node).parent;
            let request = Some(request()).filter(|request| self.kept.contains_key(request)).unwrap_or(0);
            // CAST: shorter than 292 years.
            *self.taken.entry((around, request)).or_default() += sign * ns as i64;
        }
    }

    /// Takes the covered time from the stages' own time, in the session and in the requests that
    /// are kept.
    pub(super) fn apply(self, stages: &mut StageTree, requests: &mut [Request]) {
        let mut of_session: HashMap<NodeId, i64> = HashMap::new();
        for ((node, request), ns) in self.taken {
            *of_session.entry(node).or_default() += ns;
            let request = self.kept.get(&request).and_then(|at| requests.get_mut(*at));
            if let (Some(request), Ok(ns)) = (request, u64::try_from(ns)) {
                request.take_own(node, ns);
            }
        }
        for (node, ns) in of_session {
            stages.take_own(node, u64::try_from(ns).unwrap_or(0));
        }
    }
}
