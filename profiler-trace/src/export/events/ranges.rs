//! Ranges: those of threads, the lives of async ones, and iterations between bare `next_step()`
//! calls.

use crate::model::{CallArgs, Slice, Task, Trace};
use profiler_core::site::{Kind, Site};

use super::{Args, Category, Event, Key, Name, OnRow, Row, Value};

/// A range of a thread.
pub(in crate::export) struct Range<'a> {
    trace: &'a Trace,
    slice: &'a Slice,
    /// `N` if it is `ProfilerStep#N`.
    step: Option<u64>,
    part: Part,
}

/// Part of a range that an event shows. Some formats have separate events for start and end, and at
/// the start the end is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::export) enum Part {
    Whole,
    Begin,
    End,
}

impl<'a> Range<'a> {
    /// Creates the description of a part of a range.
    #[inline]
    pub(in crate::export) fn new(trace: &'a Trace, slice: &'a Slice, part: Part) -> Self {
        let step = if part == Part::End { None } else { trace.profiler_step(slice) };
        Self { trace, slice, step, part }
    }

    /// Returns whether its times are the only information.
    #[inline]
    fn is_plain(&self) -> bool {
        let slice = self.slice;
        let has_times = slice.cpu_ns.is_some() || slice.busy_if_held_ns().is_some();
        let is_whole = slice.finished && !slice.clipped;
        self.step.is_none() && is_whole && slice.task.is_none() && !has_times && slice.args().is_empty()
    }

    /// Adds the call's arguments, and whether the range is incomplete.
    #[inline(never)]
    fn more(&self, args: &mut impl Args) {
        let Self { trace, slice, part, .. } = *self;
        let CallArgs { inputs, text, stack, .. } = slice.args();
        if trace.context.options.torch_profiler_record_shapes && !inputs.is_empty() {
            args.inputs(slice.site, inputs);
        }
        args.some(Key::Step, self.step.map(|_| slice.site.name()));
        slice.numbers().for_each(|(name, number)| args.custom(name, number.into()));
        args.some(Key::RequestId, Some(text.as_str()).filter(|text| !text.is_empty()));
        if !stack.is_empty() {
            args.stack(stack, &trace.symbols);
        }
        args.flag(Key::BeganBefore, slice.clipped && part == Part::Begin);
        args.some(Key::Task, slice.task.map(|poll| poll.task));
        if part == Part::Whole {
            self.end(args);
        }
    }

    /// Adds what is known at the end of the range.
    #[inline]
    fn end(&self, args: &mut impl Args) {
        let slice = self.slice;
        args.some(Key::BusyUs, slice.busy_if_held_ns().map(Value::Micros));
        args.some(Key::CpuTimeUs, slice.cpu_ns.map(Value::Micros));
        args.flag(Key::BeganBefore, slice.clipped && self.part == Part::Whole);
        args.flag(Key::Unfinished, !slice.finished);
    }
}

impl Event for Range<'_> {
    #[inline]
    fn title(&self) -> (Category, Name<'_>) {
        title(self.slice.site, self.step)
    }

    #[inline]
    fn args(&self, args: &mut impl Args) {
        if self.part == Part::End {
            return self.end(args);
        }
        args.value(Key::ExternalId, self.slice.external_id);
        if !self.is_plain() {
            self.more(args);
        }
    }
}

/// Returns the title of a range of `site`, or of `ProfilerStep#N`.
#[inline]
fn title<'a>(site: &'static Site, step: Option<u64>) -> (Category, Name<'a>) {
    let category = if site.kind() == Kind::Op { Category::Op } else { Category::Annotation };
    (category, step.map_or(Name::Site(site), Name::Step))
}

/// The life of an async range.
pub(in crate::export) struct Life<'a> {
    task: &'a Task<'a>,
    /// `N` if it is `ProfilerStep#N`.
    step: Option<u64>,
}

impl<'a> Life<'a> {
    /// Creates the description of a life.
    pub(in crate::export) fn new(trace: &Trace, task: &'a Task<'a>) -> Self {
        Self { task, step: trace.profiler_step_of(task) }
    }
}

impl Event for Life<'_> {
    fn title(&self) -> (Category, Name<'_>) {
        title(self.task.site, self.step)
    }

    fn args(&self, args: &mut impl Args) {
        let task = self.task;
        args.value(Key::ExternalId, task.external_id);
        args.some(Key::Step, self.step.map(|_| task.site.name()));
        task.numbers().for_each(|(name, number)| args.custom(name, number.into()));
        args.some(Key::RequestId, task.text());
        args.value(Key::Task, task.number());
        args.value(Key::Polls, task.polls);
        args.value(Key::BusyUs, Value::Micros(task.busy_ns));
        args.some(Key::CpuTimeUs, task.cpu_ns().map(Value::Micros));
        args.flag(Key::BeganBefore, task.clipped);
        args.flag(Key::Unfinished, !task.finished);
        args.flag(Key::Cancelled, task.is_cancelled());
    }
}

/// An iteration between bare `next_step()` calls. It is no function's time, so it has a separate
/// row.
pub(in crate::export) struct BareStep {
    times: (u64, u64),
    number: u64,
    /// True if these calls drive the schedule.
    drives: bool,
    external_id: u64,
}

impl BareStep {
    /// Returns the iterations of a recording, in order.
    pub(in crate::export) fn all(trace: &Trace) -> impl Iterator<Item = Self> {
        let ids = trace.ranges + trace.tasks.len() as u64 + 1;
        let bare = trace.loops.iter().filter(|each| each.site.is_none());
        let steps = bare.flat_map(|each| each.steps.iter().map(|step| (step, each.drives)));
        steps.zip(ids..).map(|((step, drives), external_id)| Self {
            times: (step.begin, step.end),
            number: step.number,
            drives,
            external_id,
        })
    }
}

impl Event for BareStep {
    fn title(&self) -> (Category, Name<'_>) {
        (Category::Annotation, if self.drives { Name::Step(self.number) } else { Name::Shared("step".into()) })
    }

    fn args(&self, args: &mut impl Args) {
        args.value(Key::ExternalId, self.external_id);
    }
}

impl OnRow for BareStep {
    fn row_and_times(&self) -> (Row, (u64, u64)) {
        (Row::Steps, self.times)
    }
}
