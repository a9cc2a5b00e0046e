//! The stages of the requests that are kept, gathered in a reading of their own over the threads that served requests.

use std::collections::HashMap;

use crate::model::decode::{Cover, Decoder, Event, Places};
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::tasks::Task;

use super::{InRequest, Request, Requests};

impl Requests {
    /// Gives every kept request its stages. The tree is the session's: the reading finds its nodes and makes none.
    pub(in crate::model) fn gather<'a>(
        &mut self,
        threads: impl Iterator<Item = Decoder<'a>>,
        tasks: &[Task],
        Places { stages: tree, tasks: places }: Places<'_>,
    ) {
        if self.kept.is_empty() {
            return;
        }
        let by_key: HashMap<u64, usize> = self.kept.iter().zip(0..).map(|(request, at)| (request.key, at)).collect();
        for task in tasks.iter().filter(|task| task.is_stage()) {
            let Some(InRequest { key }) = task.request else { continue };
            if let Some(request) = by_key.get(&key).and_then(|&at| self.kept.get_mut(at)) {
                request.task(task, tree);
            }
        }
        let mut covers: Vec<Cover> = self.kept.iter().map(|_| Cover::default()).collect();
        for mut decoder in threads {
            while let Some(event) = decoder.next(&mut Places { stages: tree, tasks: places }) {
                let Event::Slice(slice) = event else { continue };
                let Some(InRequest { key }) = slice.request else { continue };
                if slice.is_stage()
                    && slice.task.is_none()
                    && let Some(&at) = by_key.get(&key)
                    && let (Some(request), Some(cover)) = (self.kept.get_mut(at), covers.get_mut(at))
                {
                    request.slice(slice, tree, cover);
                }
            }
        }
    }
}

impl Request {
    /// Adds a stage or step that ran in it, on the row of its guard or in a poll. `cover` is what those directly in it cover;
    /// the lives that cover more of it are known when all rows are read: see `covers`.
    fn slice(&mut self, slice: &Slice, tree: &StageTree, cover: &mut Cover) {
        let place = self.place(slice.node, tree);
        self.stages.add_slice(place, slice);
        if slice.stage_request != self.key {
            // On the thread of a guard they end as they begin, unless one began in a stage that outlives the request; polls of
            // a future are read thread by thread.
            let in_order = self.task.is_none() && slice.stage_around == 0;
            let oldest = if in_order { slice.begin } else { 0 };
            let covered = cover.add(slice.begin, slice.end, oldest);
            self.unaccounted_ns = self.unaccounted_ns.saturating_sub(covered);
        }
    }

    /// Adds an async one, whose life was opened in it.
    fn task(&mut self, task: &Task, tree: &StageTree) {
        let place = self.place(task.node, tree);
        self.stages.add_life(place, task);
    }
}
