//! Tasks: the lives of async ranges, gathered from whichever threads polled them.

use std::collections::HashMap;

use crate::record::Site;

use super::lanes::Lanes;
use super::requests::InRequest;
use super::slice::{Poll, Slice};
use super::stages::NodeId;

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
    /// Polls.
    pub(crate) polls: u64,
    /// Time of stages directly inside its polls, on the polls' rows, that cross no other.
    pub(super) stage_children_ns: u64,
    /// CPU time in its polls, if that was measured.
    pub(crate) cpu_ns: Option<u64>,
    /// False if it was dropped before it was ready, or was still alive.
    pub(crate) completed: bool,
    /// False if it was still alive when recording ended.
    pub(crate) finished: bool,
    /// True if its first poll was before what is kept of the recording; then `begin` is its first poll there.
    pub(crate) clipped: bool,
    /// Row, from 1: tasks of one lane do not overlap.
    pub(crate) lane: u32,
    /// Unique in the trace: `External id`.
    pub(crate) external_id: u64,
    /// The user's own index of a step.
    pub(crate) index: Option<u64>,
    /// A request's id.
    pub(crate) text: Option<Box<str>>,
    /// The request that its first poll ran in.
    pub(super) request: Option<InRequest>,
    /// Key of the stage directly around its first poll; 0 without one.
    pub(super) stage_around: u64,
    /// `N` if it is written as `ProfilerStep#N`.
    pub(crate) profiler_step: Option<u64>,
    /// Its place in the stage tree.
    pub(super) node: NodeId,
}

impl Task {
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
}

/// Gathers tasks while threads are read, in any order.
#[derive(Default)]
pub(super) struct TaskBook {
    lives: HashMap<u64, Life>,
}

#[derive(Default)]
struct Life {
    first: Option<First>,
    /// Its very first poll was recorded.
    whole: bool,
    index: Option<u64>,
    text: Option<Box<str>>,
    busy_ns: u64,
    polls: u64,
    stage_children_ns: u64,
    cpu_ns: Option<u64>,
    last_poll_end: u64,
    ended: Option<(u64, bool)>,
}

/// The first of the polls that are recorded.
struct First {
    begin: u64,
    site: &'static Site,
    node: NodeId,
    request: Option<InRequest>,
    stage_around: u64,
}

impl TaskBook {
    /// Takes up a poll.
    pub(super) fn poll(&mut self, poll: Poll, slice: &Slice) {
        let life = self.lives.entry(poll.task).or_default();
        life.whole |= poll.first && !slice.clipped;
        life.stage_children_ns += slice.stage_children_ns;
        life.cpu_ns = slice.cpu_ns.map_or(life.cpu_ns, |ns| Some(life.cpu_ns.unwrap_or(0) + ns));
        life.busy_ns += slice.duration();
        life.polls += 1;
        life.last_poll_end = life.last_poll_end.max(slice.end);
        if life.first.as_ref().is_none_or(|first| slice.begin < first.begin) {
            let &Slice { begin, site, node, request, stage_around, .. } = slice;
            life.first = Some(First { begin, site, node, request, stage_around });
        }
        let args = slice.args();
        life.index = life.index.or(args.index);
        if !args.text.is_empty() {
            life.text = Some(args.text.as_str().into());
        }
    }

    /// Takes up the end of a task.
    pub(super) fn end(&mut self, task: u64, at: u64, completed: bool) {
        self.lives.entry(task).or_default().ended = Some((at, completed));
    }

    /// Returns how many tasks ended without a poll here: they began before the recording.
    pub(super) fn unpolled(&self) -> u64 {
        self.lives.values().filter(|life| life.first.is_none()).count() as u64
    }

    /// Returns all tasks that were polled, in order of begin, on lanes, with ids from `first_id`.
    pub(super) fn close(self, window_end: u64, first_id: u64) -> Vec<Task> {
        let mut tasks: Vec<Task> =
            self.lives.into_iter().filter_map(|(number, life)| life.close(number, window_end)).collect();
        tasks.sort_by_key(|task| (task.begin, task.end));
        let mut lanes = Lanes::default();
        for (task, id) in tasks.iter_mut().zip(first_id..) {
            task.lane = lanes.take(task.begin, task.end);
            task.external_id = id;
        }
        tasks
    }
}

impl Life {
    /// `None` for an end whose polls were before the recording.
    fn close(self, number: u64, window_end: u64) -> Option<Task> {
        let First { begin, site, node, request, stage_around } = self.first?;
        let (end, completed) = self.ended.unwrap_or((window_end, false));
        Some(Task {
            number,
            site,
            begin,
            // A first poll on one thread and the end on another are read from two counters that agree only to a few
            // nanoseconds.
            end: end.max(self.last_poll_end).max(begin),
            busy_ns: self.busy_ns,
            polls: self.polls,
            stage_children_ns: self.stage_children_ns,
            cpu_ns: self.cpu_ns,
            completed,
            finished: self.ended.is_some(),
            clipped: !self.whole,
            lane: 0,
            external_id: 0,
            index: self.index,
            text: self.text,
            request,
            stage_around,
            profiler_step: None,
            node,
        })
    }
}
