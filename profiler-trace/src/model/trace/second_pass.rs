//! The second pass, for results that need all rows merged by time, or the lives and requests that
//! the first pass found: the time that no stage covers (`unaccounted`), the time that lives and
//! crossing stages cover of others, the stages of kept requests, and the ranges between bare
//! `step()` calls.

use std::cell::RefCell;

use crate::model::covers::Covers;
use crate::model::decode::{Decoder, Event, Nodes};
use crate::model::intervals;
use crate::model::requests::Kept;
use crate::model::slice::{Poll, Slice};
use crate::model::stages::StageTree;
use crate::model::steps::Step;
use crate::model::tasks::{Task, Tasks};
use crate::model::values::NodeId;
use profiler_core::site::Site;

/// State and sums of the pass.
pub(super) struct SecondPass<'a> {
    stages: &'a mut StageTree,
    tasks: &'a Tasks,
    covers: &'a mut Covers,
    kept: Kept<'a>,
    /// Nodes of tasks in the stage tree, by rank; empty without kept requests. They can differ from
    /// those of the first pass, which did not yet know all tasks.
    nodes: Vec<NodeId>,
    /// Time span from the first bare `next_step()` to the last.
    bare: (u64, u64),
    bare_ns: u64,
}

impl<'a> SecondPass<'a> {
    /// Creates the pass for a recording with these bare steps.
    pub(super) fn new(
        (stages, tasks): (&'a mut StageTree, &'a Tasks),
        covers: &'a mut Covers,
        kept: Kept<'a>,
        bare: &[Step],
    ) -> Self {
        let nodes = if kept.is_empty() { Vec::new() } else { tasks.nodes() };
        let bare = (bare.first().map_or(0, |step| step.begin), bare.last().map_or(0, |step| step.end));
        Self { stages, tasks, covers, kept, nodes, bare, bare_ns: 0 }
    }

    /// Reads the threads, some of which have lanes. Returns the time in which at least one stage
    /// ran, and the time in which threads ran ranges between bare `next_step()` calls. With one
    /// row, top-level stages do not overlap and their sum is already known, so nothing is read
    /// unless another result needs it.
    pub(super) fn read<'b>(self, threads: impl Iterator<Item = (Decoder<'b>, bool)>, only_row: bool) -> (u64, u64) {
        if only_row && self.tasks.len() == 0 && self.bare == (0, 0) && self.kept.is_empty() {
            return (self.stages.node(StageTree::ROOT).children_ns, 0);
        }
        let tasks = self.tasks;
        let reading = RefCell::new(self);
        let mut rows: Vec<Box<dyn Iterator<Item = (u64, u64)> + '_>> = Vec::new();
        for (decoder, has_lanes) in threads {
            let stages = Self::top_level_stages(decoder, &reading);
            if !has_lanes {
                rows.push(Box::new(stages));
                continue;
            }
            // While a guard is set aside with its task, other ranges run and end before it.
            let mut stages: Vec<_> = stages.collect();
            stages.sort_unstable();
            rows.push(Box::new(stages.into_iter()));
        }
        // A life may outlast the stage that it began in, so every life counts, at any depth.
        let lives = tasks.iter().filter(Task::is_stage);
        rows.push(Box::new(lives.map(|task| (task.begin, task.end))));
        let covered = intervals::union_length(rows);
        (covered, reading.into_inner().bare_ns)
    }

    /// Returns the outermost stages of a row in order of their ends, and passes every slice to
    /// `reading` on the way.
    fn top_level_stages(mut decoder: Decoder<'_>, reading: &RefCell<Self>) -> impl Iterator<Item = (u64, u64)> {
        std::iter::from_fn(move || {
            let reading = &mut *reading.borrow_mut();
            loop {
                let Event::Slice(slice) = decoder.next(&mut *reading)? else { continue };
                reading.slice(slice);
                if slice.is_stage() && slice.task.is_none() && slice.stage_around == 0 {
                    return Some((slice.begin, slice.end));
                }
            }
        })
    }

    fn slice(&mut self, slice: &Slice) {
        if slice.around_id == 0 {
            self.bare_ns += slice.end.min(self.bare.1).saturating_sub(slice.begin.max(self.bare.0));
        }
        self.covers.slice(self.tasks, self.stages, slice);
        self.kept.slice(slice, self.tasks, self.stages);
    }
}

impl Nodes for SecondPass<'_> {
    fn enter(&mut self, parent: NodeId, site: &'static Site) -> NodeId {
        if self.kept.is_empty() { parent } else { self.stages.enter(parent, site) }
    }

    fn enter_poll(&mut self, poll: Poll, parent: NodeId, site: &'static Site) -> NodeId {
        let rank = if self.kept.is_empty() { None } else { self.tasks.rank_of(poll.task) };
        let Some(rank) = rank.map(|rank| rank as usize) else { return parent };
        if poll.first {
            self.nodes[rank] = self.stages.enter(parent, site);
        }
        self.nodes[rank]
    }
}
