//! The stages of the requests that are kept, gathered in a reading of their own over the threads that served requests.

use std::collections::HashMap;

use crate::model::decode::{Decoder, Event};
use crate::model::slice::Slice;
use crate::model::stages::{NodeId, StageTree};
use crate::model::tasks::Task;

use super::{InRequest, Request, Requests};

impl Requests {
    /// Gives every kept request its stages. `tree` is the session's: the reading finds its nodes and makes none.
    pub(in crate::model) fn gather<'a>(
        &mut self,
        threads: impl Iterator<Item = Decoder<'a>>,
        tasks: &[Task],
        tree: &mut StageTree,
    ) {
        if self.kept.is_empty() {
            return;
        }
        let by_key: HashMap<u64, usize> = self.kept.iter().zip(0..).map(|(request, at)| (request.key, at)).collect();
        for task in tasks.iter().filter(|task| task.is_stage()) {
            let Some(InRequest { opened_in, key }) = task.request else { continue };
            if let Some(request) = by_key.get(&key).and_then(|&at| self.kept.get_mut(at)) {
                request.task(task, opened_in, tree);
            }
        }
        for mut decoder in threads {
            while let Some(event) = decoder.next(tree) {
                let Event::Slice(slice) = event else { continue };
                let Some(InRequest { opened_in, key }) = slice.request else { continue };
                if slice.is_stage()
                    && slice.task.is_none()
                    && let Some(request) = by_key.get(&key).and_then(|&at| self.kept.get_mut(at))
                {
                    request.slice(slice, opened_in, tree);
                }
            }
        }
        for request in &mut self.kept {
            // The lives that cover more of it are known when all rows are read: see `covers`.
            let covered = request.stages.node(StageTree::ROOT).children_ns;
            request.unaccounted_ns = request.duration().saturating_sub(covered);
        }
    }
}

impl Request {
    /// Adds a stage or step that ran in it, on the row of its guard or in a poll.
    fn slice(&mut self, slice: &Slice, opened_in: NodeId, tree: &StageTree) {
        let place = self.place(slice.node, opened_in, tree);
        self.stages.add_slice(place, slice);
    }

    /// Adds an async one, whose life was opened in it.
    fn task(&mut self, task: &Task, opened_in: NodeId, tree: &StageTree) {
        let place = self.place(task.node, opened_in, tree);
        self.stages.add_life(place, task);
    }
}
