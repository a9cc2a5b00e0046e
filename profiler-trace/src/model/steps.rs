//! Steps: the iterations of each loop, and the numbers of the driving loop's `ProfilerStep#N`.

use std::collections::HashMap;

use profiler_core::site::Site;

use super::slice::Slice;

/// One iteration, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Number in its loop: the `N` of `ProfilerStep#N` for the driving loop, counted from 0 for
    /// others.
    pub(crate) number: u64,
    /// The user's index of the step.
    pub(crate) index: Option<u64>,
    /// Begin of the iteration.
    pub(crate) begin: u64,
    /// End of the iteration.
    pub(crate) end: u64,
    /// `External id` of its slice or task; 0 for bare `next_step()` calls.
    pub(crate) external_id: u64,
    /// True if it began after all earlier steps of its loop had ended, or replaced one of them.
    /// Consumers need steps that do not overlap, so only these are named `ProfilerStep#N`.
    pub(crate) sequential: bool,
    /// End, or the start of the guard that replaced it.
    until: u64,
    finished: bool,
}

/// All iterations of one loop.
#[derive(Clone, Debug)]
pub(crate) struct StepLoop {
    /// The loop's site; `None` for bare `next_step()` calls.
    pub(crate) site: Option<&'static Site>,
    /// True if it drove the schedule and carries `ProfilerStep#N`.
    pub(crate) drives: bool,
    /// Steps in order of begin.
    pub(crate) steps: Vec<Step>,
}

impl StepLoop {
    /// Returns the loop's name in reports.
    pub(crate) fn name(&self) -> &'static str {
        self.site.map_or("step", Site::name)
    }
}

/// Collects steps while threads are read.
#[derive(Default)]
pub(super) struct StepsBuilder {
    /// Loops by the number of their site.
    loops: HashMap<u32, StepLoop>,
    marks: Vec<u64>,
}

impl Step {
    pub(super) const fn new(begin: u64, end: u64, index: Option<u64>, external_id: u64) -> Self {
        Self { number: 0, index, begin, end, external_id, sequential: true, until: end, finished: true }
    }

    /// Creates the step of a slice.
    pub(super) fn from_slice(slice: &Slice) -> Self {
        let step = Self::new(slice.begin, slice.end, slice.args().index(), slice.external_id);
        Self { until: slice.until, finished: slice.finished, ..step }
    }
}

impl StepsBuilder {
    /// Adds an iteration of a loop, which has ended.
    pub(super) fn add(&mut self, site: &'static Site, step: Step) {
        self.loops
            .entry(site.number())
            .or_insert_with(|| StepLoop { site: Some(site), drives: false, steps: Vec::new() })
            .steps
            .push(step);
    }

    /// Records a call of a bare `next_step()`.
    pub(super) fn mark(&mut self, at: u64) {
        self.marks.push(at);
    }

    /// Removes the unfinished steps of a loop. If the recording ended with the last requested step,
    /// the next step had already replaced it.
    pub(super) fn remove_unfinished(&mut self, site: Option<&'static Site>) {
        if let Some(each) = site.and_then(|site| self.loops.get_mut(&site.number())) {
            each.steps.retain(|step| step.finished);
        }
    }

    /// Returns the number of finished steps of a loop; `None` is the loop of bare calls.
    pub(super) fn count_ended(&self, site: Option<&'static Site>, end: u64) -> u64 {
        let Some(site) = site else { return self.marks.len() as u64 };
        let steps = self.loops.get(&site.number()).map_or(&[][..], |each| &each.steps);
        steps.iter().filter(|step| step.end < end).count() as u64
    }

    /// Returns all loops, the driving one first, the others by their first begin. The first step of
    /// bare calls begins at `window_begin`.
    pub(super) fn close(
        mut self,
        driver: Option<&'static Site>,
        first_number: u64,
        window_begin: u64,
    ) -> Vec<StepLoop> {
        let mut loops: Vec<StepLoop> = self.loops.into_values().collect();
        if !self.marks.is_empty() {
            self.marks.sort_unstable();
            let begins = std::iter::once(window_begin).chain(self.marks.iter().copied());
            let steps = begins.zip(&self.marks).map(|(begin, &end)| Step::new(begin, end, None, 0)).collect();
            loops.push(StepLoop { site: None, drives: false, steps });
        }
        for each in &mut loops {
            each.drives = each.site.map(Site::number) == driver.map(Site::number);
            each.number(if each.drives { first_number } else { 0 });
        }
        loops.sort_by_key(|each| (!each.drives, each.steps.first().map(|step| step.begin)));
        loops
    }
}

impl StepLoop {
    fn number(&mut self, first: u64) {
        self.steps.sort_by_key(|step| (step.begin, step.external_id));
        let mut latest_end = 0;
        for (step, number) in self.steps.iter_mut().zip(first..) {
            step.number = number;
            step.sequential = step.begin >= latest_end;
            latest_end = latest_end.max(step.until);
        }
    }
}
