//! The second reading, for what needs to know what slices are called: the operator tables, and the time that stages cover,
//! all rows together. What is left over of that is `unaccounted`.

use std::cell::RefCell;

use crate::model::covers::Covers;
use crate::model::decode::Event;
use crate::model::ops::Gatherer;
use crate::model::stages::StageTree;
use crate::model::union;

use super::Trace;

impl Trace {
    /// Shows every slice to `ops` and `covers`, and tells the time in which at least one stage ran. On one row top-level
    /// stages do not overlap: their sum is known. Else all rows are read side by side, in order of time.
    pub(super) fn second_pass(&self, only_row: bool, ops: &mut Gatherer, covers: &mut Covers) -> u64 {
        if only_row && self.tasks.is_empty() {
            for thread in 0..self.threads.len() {
                let mut walk = self.begin_walk(thread);
                walk.until(|slice| {
                    ops.slice(slice, self.profiler_step(slice).is_some());
                    false
                });
                ops.busy(walk.busy_ns());
            }
            return self.stages.node(StageTree::ROOT).children_ns;
        }
        let readers = RefCell::new((ops, covers));
        let mut rows: Vec<Box<dyn Iterator<Item = (u64, u64)> + '_>> = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            let stages = self.top_level_stages(index, &readers);
            if thread.lanes == 0 {
                rows.push(Box::new(stages));
                continue;
            }
            // Others run while a guard is set aside with its task: these end, and are told, before it.
            let mut stages: Vec<_> = stages.collect();
            stages.sort_unstable();
            rows.push(Box::new(stages.into_iter()));
        }
        // A life may outlast the stage that it began in: each counts, at whatever depth.
        let lives = self.tasks.iter().filter(|task| task.is_stage());
        rows.push(Box::new(lives.map(|task| (task.begin, task.end))));
        union::covered(rows)
    }

    /// Returns the outermost stages of a row, in order of their ends. On the way every slice is shown to `readers`.
    fn top_level_stages<'a>(
        &'a self,
        thread: usize,
        readers: &'a RefCell<(&mut Gatherer, &mut Covers)>,
    ) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut decoder = self.decoder(thread);
        let mut tree = StageTree::new();
        std::iter::from_fn(move || {
            let decoder = decoder.as_mut()?;
            loop {
                let (ops, covers) = &mut *readers.borrow_mut();
                let Some(event) = decoder.next(&mut tree) else {
                    ops.busy(decoder.busy_ns());
                    return None;
                };
                let Event::Slice(slice) = event else { continue };
                ops.slice(slice, self.profiler_step(slice).is_some());
                covers.slice(slice);
                let is_stage = slice.is_stage() && slice.task.is_none();
                if is_stage && tree.node(slice.node).depth == 0 {
                    return Some((slice.begin, slice.end));
                }
            }
        })
    }
}
