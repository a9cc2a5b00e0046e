//! The stages of the requests that are kept, gathered in a reading of their own over the threads that served requests.

use std::collections::HashMap;

use crate::model::decode::{Cover, Decoder, Event, Places};
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::tasks::Task;

use super::{Request, Requests, task_of};

/// A request that is kept, and what stages cover of it.
struct Covered<'a> {
    request: &'a mut Request,
    cover: Cover,
}

impl Requests {
    /// Gives every kept request its stages. The tree is the session's: the reading finds its nodes and makes none.
    pub(in crate::model) fn gather<'a>(
        &mut self,
        threads: impl Iterator<Item = Decoder<'a>>,
        Places { stages: tree, tasks }: Places<'_>,
    ) {
        if self.kept.is_empty() {
            return;
        }
        let kept = self.kept.iter_mut().map(|request| (request.key, Covered { request, cover: Cover::default() }));
        let mut kept: HashMap<u64, Covered<'_>> = kept.collect();
        for task in tasks.iter().filter(Task::is_stage) {
            if let Some(covered) = kept.get_mut(&task.request()) {
                covered.task(&task, tree);
            }
        }
        // The reading may find other places for polls than the first, which did not know all.
        let nodes = tasks.nodes();
        for mut decoder in threads {
            while let Some(event) = decoder.next(&mut Places { stages: tree, tasks }) {
                let Event::Slice(slice) = event else { continue };
                let key = slice.request;
                if key != 0
                    && slice.is_stage()
                    && slice.task.is_none()
                    && let Some(covered) = kept.get_mut(&key)
                {
                    // A life belongs to the request of its first poll, wherever it goes on.
                    let around = task_of(slice.stage_around).map(|task| tasks.request_of_stage(task));
                    let is_outermost = around.unwrap_or(Some(slice.stage_request)) != Some(key);
                    covered.slice(slice, tree, is_outermost);
                }
            }
        }
        tasks.set_nodes(&nodes);
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

    /// Adds an async one, whose life was opened in it and may outlast it.
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
