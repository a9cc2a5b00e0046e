//! Collection of the kept requests' stages in the second pass; the first pass decides which
//! requests are kept.

use std::collections::HashMap;

use crate::model::intervals::Cover;
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::tasks::{Task, Tasks};
use crate::model::values::task_of;

use super::Request;

/// Kept requests, by key.
pub(in crate::model) struct Kept<'a>(HashMap<u64, KeptRequest<'a>>);

/// A kept request, and the part of it that stages cover.
struct KeptRequest<'a> {
    request: &'a mut Request,
    cover: Cover,
}

impl<'a> Kept<'a> {
    /// Creates the table, and adds to each request the async stages that began in it.
    pub(in crate::model) fn new(requests: &'a mut [Request], tasks: &Tasks, tree: &StageTree) -> Self {
        let kept = requests.iter_mut().map(|request| (request.key, KeptRequest { request, cover: Cover::default() }));
        let mut kept: HashMap<u64, KeptRequest<'_>> = kept.collect();
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

    /// Adds the stage of a slice to its request, if that request is kept.
    pub(in crate::model) fn slice(&mut self, slice: &Slice, tasks: &Tasks, tree: &StageTree) {
        let key = slice.request;
        if key != 0
            && slice.is_stage()
            && slice.task.is_none()
            && let Some(covered) = self.0.get_mut(&key)
        {
            // A life belongs to the request of its first poll, wherever it continues.
            let around = task_of(slice.stage_around).map(|task| tasks.request_of_stage(task));
            let is_outermost = around.unwrap_or(Some(slice.stage_request)) != Some(key);
            covered.slice(slice, tree, is_outermost);
        }
    }
}

impl KeptRequest<'_> {
    /// Adds a stage or step that ran in it, on its guard's row or in a poll.
    fn slice(&mut self, slice: &Slice, tree: &StageTree, is_outermost: bool) {
        let node = self.request.own_node(slice.node, tree);
        self.request.stages.add_slice(node, slice);
        if is_outermost {
            self.cover(slice.begin, slice.end);
        }
    }

    /// Adds an async stage that began in it and may outlast it.
    fn task(&mut self, task: &Task<'_>, tree: &StageTree) {
        let node = self.request.own_node(task.node, tree);
        self.request.stages.add_life(node, task);
        self.cover(task.begin, task.end);
    }

    fn cover(&mut self, begin: u64, end: u64) {
        let request = &mut self.request;
        let (begin, end) = (begin.clamp(request.begin, request.end), end.clamp(request.begin, request.end));
        let ns = self.cover.add(begin, end, 0);
        request.unaccounted_ns = request.unaccounted_ns.saturating_sub(ns);
    }
}
