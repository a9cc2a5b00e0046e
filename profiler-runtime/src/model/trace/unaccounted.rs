//! The time that stages cover, all rows together: what is left over is `unaccounted`.

use crate::model::decode::{Decoder, Event};
use crate::model::stages::StageTree;
use crate::model::tasks::Task;
use crate::model::union;
use crate::record::Kind;

use super::Trace;

impl Trace {
    /// Time in which at least one top-level stage ran. On one row they do not overlap: their sum is known.
    pub(super) fn covered(&self, only_row: bool) -> u64 {
        if only_row && self.tasks.is_empty() {
            return self.stages.node(StageTree::ROOT).children_ns;
        }
        let rows: Vec<_> = (0..self.threads.len()).map(|thread| self.top_level_stages(thread)).collect();
        let mut rows: Vec<Box<dyn Iterator<Item = (u64, u64)> + '_>> =
            rows.into_iter().map(|row| Box::new(row) as _).collect();
        let is_stage = |task: &&Task| {
            self.stages.node(task.node).depth == 0 && matches!(task.site.kind(), Kind::Stage | Kind::Step)
        };
        rows.push(Box::new(self.tasks.iter().filter(is_stage).map(|task| (task.begin, task.end))));
        union::covered(rows)
    }

    /// The outermost stages of a row, in order.
    fn top_level_stages(&self, thread: usize) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut decoder = self.log.threads.get(thread).map(|log| Decoder::new(log, &self.timeline, &self.sites, 0));
        let mut tree = StageTree::new();
        std::iter::from_fn(move || {
            let decoder = decoder.as_mut()?;
            loop {
                let Event::Slice(slice) = decoder.next(&mut tree)? else { continue };
                let is_stage =
                    matches!(slice.site.kind(), Kind::Stage | Kind::Step) && slice.task.is_none() && slice.lane == 0;
                if is_stage && tree.node(slice.node).depth == 0 {
                    return Some((slice.begin, slice.end));
                }
            }
        })
    }
}
