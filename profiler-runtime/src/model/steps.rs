//! Steps: the iterations of each loop, and the numbers under which the driving loop appears as `ProfilerStep#N`.

use crate::record::Site;

/// One iteration. Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its number in its loop: for the driving loop the `N` of `ProfilerStep#N`, else from 0.
    pub(crate) number: u64,
    /// The user's own index.
    pub(crate) index: Option<u64>,
    /// When it began.
    pub(crate) begin: u64,
    /// When it ended.
    pub(crate) end: u64,
    /// Ordinal of the thread that ran it; 0 for bare `step()` calls and tasks.
    pub(crate) thread: u32,
}

/// All iterations of one loop.
#[derive(Clone, Debug)]
pub(crate) struct StepLoop {
    /// The loop's site; `None` for bare `step()` calls.
    pub(crate) site: Option<&'static Site>,
    /// Whether it drove the schedule and carries `ProfilerStep#N`.
    pub(crate) drives: bool,
    /// In order of begin. Steps of the driving loop that overlap the one before (concurrent iterations) are numbered too, but only the ones in `sequential` are named `ProfilerStep#N`.
    pub(crate) steps: Vec<Step>,
}

impl StepLoop {
    /// The loop's name in reports.
    pub(crate) fn name(&self) -> &'static str {
        self.site.map_or("step", Site::name)
    }
}
