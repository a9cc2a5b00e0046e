//! The stages of the requests that are kept, gathered in the second reading: the first has decided
//! which are kept.

use std::collections::HashMap;

use crate::model::decode::Cover;
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::tasks::{Task, Tasks};
use crate::model::values::task_of;

use super::Request;

/// The requests that are kept, by key.
pub(in crate::model) struct Kept<'a>(HashMap<u64, Covered<'a>>);

/// A request that is kept, and the part of it that stages cover.
struct Covered<'a> {
    request: &'a mut Request,
    cover: Cover,
}

impl<'a> Kept<'a> {
    /// Creates the table, and gives each request the async stages that began in it.
    pub(in crate::model) fn new(requests: &'a mut [Request], tasks: &Tasks, tree: &StageTree) -> Self {
        let kept = requests.iter_mut().map(|request| (request.key, Covered { request, cover: Cover::default() }));
        let mut kept: HashMap<u64, Covered<'_>> = kept.collect();
        if !kept.is_empty() {
            for task in tasks.iter().filter(Task::is_stage) {
                if let Some(covered) = kept.get_mut(&task.request()) {
                    covered.task(&task, tree);
                }
            }
        }
        Self(kept)
    }

    /// Returns whether no request is kept.
    pub(in crate::model) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a request the stage that a slice of the session's tree is, if it ran in one that is
    /// kept.
    pub(in crate::model) fn slice(&mut self, slice: &Slice, tasks: &Tasks, tree: &StageTree) {
        let key = slice.request;
        if key != 0
            && slice.is_stage()
            && slice.task.is_none()
            && let Some(covered) = self.0.get_mut(&key)
        {
            // A life belongs to the request of its first poll, wherever it goes on.
            let around = task_of(slice.stage_around).map(|task| tasks.request_of_stage(task));
            let is_outermost = around.unwrap_or(Some(slice.stage_request)) != Some(key);
            covered.slice(slice, tree, is_outermost);
        }
    }
}

impl Covered<'_> {
    /// Adds a stage or step that ran in it, on the row of its guard or in a poll.
    fn slice(&mut self, slice: &Slice, tree: &StageTree, is_outermost: bool) {
        let place = self.request.place(slice.node, tree);
        self.request.stages.add_slice(place, slice);
        if is_outermost {
            self.cover(slice.begin, slice.end);
        }
    }

    /// Adds an async stage, whose life began in it and may outlast it.
    fn task(&mut self, task: &Task<'_>, tree: &StageTree) {
        let place = self.request.place(task.node, tree);
        self.request.stages.add_life(place, task);
        self.cover(task.begin, task.end);
    }

    fn cover(&mut self, begin: u64, end: u64) {
        let request = &mut self.request;
        let (begin, end) = (begin.clamp(request.begin, request.end), end.clamp(request.begin, request.end));
        let ns = self.cover.add(begin, end, 0);
        request.unaccounted_ns = request.unaccounted_ns.saturating_sub(ns);
    }
}
