//! The second reading, for what needs all rows side by side: the time that stages cover together, what lives and crossing
//! stages cover of others, and what ran between bare `step()` calls. What is left over of the first is `unaccounted`.

use std::cell::RefCell;

use crate::model::covers::Covers;
use crate::model::decode::Event;
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::tasks::Task;
use crate::model::union;

use super::Trace;

/// Sums that are gathered on the way.
struct Reading<'a> {
    covers: &'a mut Covers,
    stepped: Stepped,
}

/// Time of the threads' outermost slices between bare `step()` calls, which follow each other.
struct Stepped {
    begin: u64,
    end: u64,
    ns: u64,
}

impl Trace {
    /// Shows every slice to `covers`. Returns the time in which at least one stage ran, and how long threads ran ranges
    /// between bare `step()` calls. On one row top-level stages do not overlap: their sum is known, and there is nothing to
    /// read. Else all rows are read side by side, in order of time.
    pub(super) fn second_pass(&self, only_row: bool, covers: &mut Covers) -> (u64, u64) {
        let bare = self.loops.iter().find(|each| each.site.is_none()).map_or(&[][..], |each| &each.steps);
        if only_row && self.tasks.len() == 0 && bare.is_empty() {
            return (self.stages.node(StageTree::ROOT).children_ns, 0);
        }
        let (begin, end) = (bare.first().map_or(0, |step| step.begin), bare.last().map_or(0, |step| step.end));
        let reading = RefCell::new(Reading { covers, stepped: Stepped { begin, end, ns: 0 } });
        let mut rows: Vec<Box<dyn Iterator<Item = (u64, u64)> + '_>> = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            let stages = self.top_level_stages(index, &reading);
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
        let lives = self.tasks.iter().filter(Task::is_stage);
        rows.push(Box::new(lives.map(|task| (task.begin, task.end))));
        let covered = union::covered(rows);
        (covered, reading.into_inner().stepped.ns)
    }

    /// Returns the outermost stages of a row, in order of their ends. On the way every slice is shown to `reading`.
    fn top_level_stages<'a>(
        &'a self,
        thread: usize,
        reading: &'a RefCell<Reading<'_>>,
    ) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut decoder = self.decoder(thread);
        let mut tree = StageTree::new();
        std::iter::from_fn(move || {
            let decoder = decoder.as_mut()?;
            loop {
                let Event::Slice(slice) = decoder.next(&mut tree)? else { continue };
                let Reading { covers, stepped } = &mut *reading.borrow_mut();
                stepped.slice(slice);
                covers.slice(&self.tasks, &self.stages, slice);
                let is_stage = slice.is_stage() && slice.task.is_none();
                if is_stage && tree.node(slice.node).depth == 0 {
                    return Some((slice.begin, slice.end));
                }
            }
        })
    }
}

impl Stepped {
    fn slice(&mut self, slice: &Slice) {
        if slice.around_id == 0 {
            self.ns += slice.end.min(self.end).saturating_sub(slice.begin.max(self.begin));
        }
    }
}
