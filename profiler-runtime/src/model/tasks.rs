//! Tasks: the lives of async ranges, gathered from whichever threads polled them.
//!
//! A server has millions: a life is one record of a hundred bytes from its first poll that is read to the last artifact,
//! and what few of them say is kept apart.

use std::cmp::Reverse;

use crate::record::{Kind, Site};

use super::by_task::ByTask;
use super::lanes::NestedLanes;
use super::requests::task_of;
use super::slice::{Poll, Slice};
use super::stages::{NodeId, StageTree};

/// An async range, from its first poll to its completion or drop. Nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Unique in the process.
    pub(crate) number: u64,
    /// What ran.
    pub(crate) site: &'static Site,
    /// First poll.
    pub(crate) begin: u64,
    /// Completion or drop; the end of the recording if it was still alive.
    pub(crate) end: u64,
    /// Time inside polls.
    pub(crate) busy_ns: u64,
    /// Time of stages directly inside its polls, on the polls' rows, that cross no other.
    pub(super) stage_children_ns: u64,
    /// Unique in the trace: `External id`.
    pub(crate) external_id: u64,
    /// Key of the request that its first poll ran in; 0 without one.
    pub(super) request: u64,
    /// Key of the stage directly around its first poll; 0 without one.
    pub(super) stage_around: u64,
    rare: Option<Box<Rare>>,
    /// Polls.
    pub(crate) polls: u32,
    /// Row, from 1: tasks of one lane lie in each other, or follow each other.
    pub(crate) lane: u32,
    /// Its place in the stage tree.
    pub(super) node: NodeId,
    /// False if it was dropped before it was ready, or was still alive.
    pub(crate) completed: bool,
    /// False if it was still alive when recording ended.
    pub(crate) finished: bool,
    /// True if its first poll was before what is kept of the recording; then `begin` is its first poll there.
    pub(crate) clipped: bool,
}

/// Facts that few tasks have.
#[derive(Clone, Debug, Default)]
struct Rare {
    cpu_ns: Option<u64>,
    index: Option<u64>,
    text: Option<Box<str>>,
    profiler_step: Option<u64>,
}

/// Stands for the site of a task of which no poll was read.
static UNPOLLED: Site = Site::new(Kind::Op, "", "", 0, "");

impl Task {
    const fn new(number: u64) -> Self {
        Self {
            number,
            site: &UNPOLLED,
            begin: u64::MAX,
            end: 0,
            busy_ns: 0,
            stage_children_ns: 0,
            external_id: 0,
            request: 0,
            stage_around: 0,
            rare: None,
            polls: 0,
            lane: 0,
            node: StageTree::ROOT,
            completed: false,
            finished: false,
            clipped: true,
        }
    }

    /// Returns how long it lived.
    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    /// Returns whether it was dropped before it was ready.
    pub(crate) const fn is_cancelled(&self) -> bool {
        self.finished && !self.completed
    }

    /// Returns whether it is a stage or a step.
    pub(super) fn is_stage(&self) -> bool {
        self.site.is_stage()
    }

    /// Returns the CPU time in its polls, if that was measured.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        self.rare.as_ref()?.cpu_ns
    }

    /// Returns the user's own index of a step.
    pub(crate) fn index(&self) -> Option<u64> {
        self.rare.as_ref()?.index
    }

    /// Returns a request's id.
    pub(crate) fn text(&self) -> Option<&str> {
        self.rare.as_ref()?.text.as_deref()
    }

    /// Returns `N` if it is written as `ProfilerStep#N`.
    pub(crate) fn profiler_step(&self) -> Option<u64> {
        self.rare.as_ref()?.profiler_step
    }

    /// Sets that it is written as `ProfilerStep#N`.
    pub(super) fn set_profiler_step(&mut self, number: u64) {
        self.rare.get_or_insert_default().profiler_step = Some(number);
    }

    fn poll(&mut self, poll: Poll, slice: &Slice) {
        self.clipped &= !poll.first || slice.clipped;
        self.stage_children_ns += slice.stage_children_ns;
        self.busy_ns += slice.duration();
        self.polls = self.polls.saturating_add(1);
        self.end = self.end.max(slice.end);
        if slice.begin < self.begin || self.polls == 1 {
            let &Slice { begin, site, node, request, stage_around, .. } = slice;
            (self.begin, self.site, self.node) = (begin, site, node);
            (self.request, self.stage_around) = (request, stage_around);
        }
        if let Some(ns) = slice.cpu_ns {
            *self.rare.get_or_insert_default().cpu_ns.get_or_insert(0) += ns;
        }
        let args = slice.args();
        if let Some(index) = args.index {
            self.rare.get_or_insert_default().index.get_or_insert(index);
        }
        if !args.text.is_empty() {
            self.rare.get_or_insert_default().text = Some(args.text.as_str().into());
        }
    }
}

/// Gathers tasks while threads are read, in any order.
#[derive(Default)]
pub(super) struct TaskBook {
    tasks: Vec<Task>,
    places: ByTask,
}

impl TaskBook {
    /// Takes up a poll.
    pub(super) fn poll(&mut self, poll: Poll, slice: &Slice) {
        self.task(poll.task).poll(poll, slice);
    }

    /// Takes up the end of a task.
    pub(super) fn end(&mut self, task: u64, at: u64, completed: bool) {
        let task = self.task(task);
        (task.finished, task.completed) = (true, completed);
        // A first poll on one thread and the end on another are read from two counters that agree only to a few
        // nanoseconds.
        task.end = task.end.max(at);
    }

    fn task(&mut self, number: u64) -> &mut Task {
        let known = self.places.get(number).map(|place| place as usize).filter(|place| *place < self.tasks.len());
        let place = known.unwrap_or_else(|| {
            let place = self.tasks.len();
            if place == self.tasks.capacity() {
                // Twice as much would be memory for nothing.
                self.tasks.reserve_exact(place / 4 + 64);
            }
            // CAST: four thousand million tasks do not fit into memory.
            self.places.set(number, place as u32);
            self.tasks.push(Task::new(number));
            place
        });
        &mut self.tasks[place]
    }

    /// Returns how many tasks ended without a poll here: they began before the recording.
    pub(super) fn unpolled(&self) -> u64 {
        self.tasks.iter().filter(|task| task.polls == 0).count() as u64
    }

    /// Returns all tasks that were polled, in order of begin, on lanes, with ids from `first_id`.
    pub(super) fn close(self, window_end: u64, first_id: u64) -> Vec<Task> {
        let Self { mut tasks, places } = self;
        drop(places);
        tasks.retain(|task| task.polls > 0);
        for task in &mut tasks {
            task.end = task.end.max(task.begin).max(if task.finished { 0 } else { window_end });
        }
        tasks.sort_unstable_by_key(|task| (task.begin, Reverse(task.end), task.number));
        let (mut places, mut lanes) = (ByTask::default(), NestedLanes::default());
        for (place, id) in (0..tasks.len()).zip(first_id..) {
            let &Task { number, begin, end, stage_around, request, .. } = &tasks[place];
            // The innermost began last.
            let around =
                [stage_around, request].into_iter().filter_map(task_of).filter_map(|task| places.get(task)).max();
            let around = around.map(|outer| (outer as usize, tasks[outer as usize].lane));
            // CAST: see `task`.
            places.set(number, place as u32);
            let task = &mut tasks[place];
            (task.lane, task.external_id) = (lanes.take(place, (begin, end), around), id);
        }
        tasks
    }
}
