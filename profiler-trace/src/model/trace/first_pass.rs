//! The first pass over every thread's stream: collects stages, steps, tasks, requests, operators
//! and losses in one reading.

use std::collections::BTreeSet;

use crate::model::context::{Context, EndedBy};
use crate::model::covers::CoversBuilder;
use crate::model::decode::{ArgumentCounts, Crossings, Decoder, Event, Survey, TreeNodes};
use crate::model::gpu::{Owners, TimedRanges};
use crate::model::ops::OpsBuilder;
use crate::model::requests::RequestsBuilder;
use crate::model::slice::Slice;
use crate::model::stages::StageTree;
use crate::model::steps::{Step, StepLoop, StepsBuilder};
use crate::model::tasks::Tasks;
use crate::model::time::Timeline;
use crate::records::gpu::GpuRecord;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::losses::Loss;
use profiler_core::stream::registry::Log;

use super::{Losses, Thread};

/// Name for all threads whose names are no longer known.
const GONE_THREADS: &str = "(threads that are gone)";
/// Name for all threads that lost ranges because the allocator returned no memory.
const NO_MEMORY: &str = "(the program's allocator had no memory)";

/// Results of the pass.
pub(super) struct FirstPass {
    /// Rows of the trace.
    pub(super) threads: Vec<Thread>,
    /// Stage tree, without tasks and GPU work.
    pub(super) stages: StageTree,
    steps: StepsBuilder,
    tasks: Tasks,
    /// Requests, without those of tasks.
    pub(super) requests: RequestsBuilder,
    /// Stages that may overlap their siblings.
    pub(super) covers: CoversBuilder,
    /// Operators.
    pub(super) ops: OpsBuilder,
    /// Losses that the streams show.
    pub(super) losses: Losses,
    /// Numbers of arguments and call stacks that calls recorded.
    pub(super) argument_counts: ArgumentCounts,
    /// Numbers of the sites that recorded the shape of a list of dims.
    pub(super) listed_dims: BTreeSet<u32>,
    /// Ranges that launched GPU work.
    pub(super) owners: Owners,
    /// Ranges that CUDA events timed.
    pub(super) timed: TimedRanges,
    /// `External id` following the last slice's.
    pub(super) next_id: u64,
    /// True if the whole recording is on one row.
    pub(super) only_row: bool,
}

impl FirstPass {
    /// Reads every thread.
    pub(super) fn run(log: &Log, sites: &[&'static Site], timeline: &Timeline, gpu: &GpuRecord) -> Self {
        let survey = Survey::new(&log.threads);
        let tasks = survey.tasks.close();
        let mut pass = Self {
            threads: Vec::with_capacity(log.threads.len()),
            stages: StageTree::new(),
            steps: StepsBuilder::default(),
            ops: OpsBuilder::new(tasks.len()),
            tasks: Tasks::new(tasks),
            requests: RequestsBuilder::default(),
            covers: CoversBuilder::default(),
            losses: Losses::default(),
            argument_counts: survey.argument_counts,
            listed_dims: survey.listed_dims,
            owners: match gpu {
                GpuRecord::Recorded(log) => Owners::new(&log.links),
                GpuRecord::Timed(_) | GpuRecord::Absent(_) => Owners::default(),
            },
            timed: TimedRanges::default(),
            next_id: 1,
            only_row: log.threads.len() <= 1,
        };
        for (thread, nests) in log.threads.iter().zip(survey.nests) {
            let first_id = pass.next_id;
            pass.owners.number(thread, sites.len(), first_id);
            if matches!(gpu, GpuRecord::Timed(_)) {
                pass.timed.read(thread, sites, first_id).into_iter().for_each(|id| pass.owners.watch(id));
            }
            let crossings = if nests { Crossings::default() } else { Crossings::new(thread, sites, first_id) };
            pass.read(&mut Decoder::new(thread, timeline, sites, (first_id, &crossings)));
            let (lanes, ranges) = (crossings.lanes, pass.next_id - first_id);
            pass.only_row &= lanes == 0;
            let identity = thread.thread.identity().clone();
            pass.threads.push(Thread { identity, ranges, lanes, first_id, crossings });
        }
        pass.add_losses(log);
        pass
    }

    /// Reads one thread.
    fn read(&mut self, decoder: &mut Decoder<'_>) {
        while let Some(event) = decoder.next(&mut TreeNodes { stages: &mut self.stages, tasks: &mut self.tasks }) {
            match event {
                Event::TaskEnd { task, at, completed } => self.tasks.end(task, at, completed),
                Event::EarlierPoll { poll, times, .. } => self.tasks.add_earlier_poll(poll, times),
                Event::StepMark(at) => self.steps.mark(at),
                Event::Begin(_) | Event::Allocation(_) => {}
                Event::Slice(slice) => {
                    let launches = self.owners.add(slice);
                    let task = slice.task.and_then(|poll| self.tasks.rank(poll.task));
                    self.ops.slice(slice, launches, task);
                    self.slice(slice, task);
                }
            }
        }
        self.ops.add_busy(decoder.busy_ns());
        self.losses.began_before += decoder.began_before;
        self.losses.clipped += decoder.clipped;
        self.losses.unreadable += decoder.unreadable;
        self.losses.reentered += decoder.reentered;
        self.next_id = decoder.next_id();
    }

    fn slice(&mut self, slice: &Slice, task: Option<u32>) {
        self.losses.unfinished += u64::from(!slice.finished && slice.task.is_none());
        self.losses.merged_ranges += u64::from(slice.site.is_overflow() && slice.task.is_none_or(|poll| poll.first));
        if let (Some(poll), Some(task)) = (slice.task, task) {
            self.tasks.poll(task, poll, slice);
            return;
        }
        match slice.site.kind() {
            Kind::Request => self.requests.guard(slice),
            kind if kind.is_stage() => {
                self.stages.add_slice(slice.node, slice);
                self.covers.crossing(slice);
                if kind == Kind::Step {
                    self.steps.add(slice.site, Step::from_slice(slice));
                }
            }
            _ => {}
        }
    }

    /// Adds the ranges that never reached the streams, or were overwritten there.
    fn add_losses(&mut self, log: &Log) {
        for thread in log.threads.iter().filter(|thread| thread.lost > 0) {
            self.losses.buffer_full.push((thread.thread.identity().name.clone(), thread.lost));
        }
        self.losses.recorder = log.losses;
        if log.lost_elsewhere > 0 {
            self.losses.buffer_full.push((GONE_THREADS.to_owned(), log.lost_elsewhere));
        }
        let no_memory = log.losses.by(Loss::NoMemory);
        if no_memory > 0 {
            self.losses.buffer_full.push((NO_MEMORY.to_owned(), no_memory));
        }
        let left_out = log.left_out();
        self.losses.overwritten = left_out.overwritten;
        self.losses.began_before += left_out.began_before;
    }

    /// Returns the tasks, numbered after the slices, and adds those that are stages or steps to the
    /// tree and the loops.
    pub(super) fn close_tasks(&mut self, window_end: u64) -> Tasks {
        self.losses.began_before += self.tasks.unpolled();
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.close(window_end, self.next_id);
        for task in tasks.iter() {
            if task.is_stage() {
                self.stages.add_life(task.node, &task);
            }
            if task.site.kind() == Kind::Step {
                self.steps.add(task.site, Step::new(task.begin, task.end, task.index(), task.external_id));
            }
            self.losses.unfinished += u64::from(!task.finished);
            self.losses.clipped += u64::from(task.clipped);
        }
        tasks
    }

    /// Returns the loops of steps. Called after `close_tasks`, which adds steps.
    pub(super) fn close_steps(
        &mut self,
        context: &Context,
        sites: &[&'static Site],
        timeline: &Timeline,
    ) -> Vec<StepLoop> {
        let mut steps = std::mem::take(&mut self.steps);
        let driver = context.step_site.and_then(|number| sites.get((number as usize).wrapping_sub(1)).copied());
        if context.ended_by == EndedBy::Iterations {
            steps.remove_unfinished(driver);
        }
        // If the first steps are overwritten, count back from the number of the last.
        let first_step = match context.steps_passed {
            Some(passed) => passed.saturating_sub(steps.count_ended(driver, timeline.end())),
            _ => context.first_step,
        };
        steps.close(driver, first_step, timeline.begin())
    }
}
