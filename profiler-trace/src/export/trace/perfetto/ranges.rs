//! The ranges: of threads, which [`threads`](super::threads) puts in order; the lives of async ranges; bare steps.

use crate::model::{CallArgs, LifeEdge, Slice, Task, Tensor, Trace};
use profiler_core::Kind;

use super::event::{Event, push_list, push_unsigned};
use super::schema::{argument, event};
use super::sequence::Sequence;
use super::tracks::{Row, Tracks};
use super::wire::{push_signed, push_text};
use super::writer::Writer;
use crate::export::events::keys::{Category, Key};

/// A sequence, and the page that it goes on in.
type Out<'o> = (&'o mut Sequence, &'o mut Vec<u8>);

/// Appends the begin of a thread's range; the track is 0 if it is the sequence's own.
#[inline]
pub(super) fn begin((sequence, page): Out<'_>, trace: &Trace, slice: &Slice, track: u64) {
    sequence.event(page, slice.begin, event::BEGIN, |event| {
        event.track(track);
        let is_op = slice.site.kind() == Kind::Op;
        event.category(if is_op { Category::Op } else { Category::Annotation });
        let step = trace.profiler_step(slice);
        match step {
            None => event.site(slice.site),
            Some(number) => event.own_name(&step_name(number)),
        }
        event.number(Key::ExternalId, slice.external_id);
        if step.is_some() || slice.clipped || slice.task.is_some() || !slice.args().is_empty() {
            more(event, trace, slice, step.is_some());
        }
    });
}

/// Appends its end.
#[inline]
pub(super) fn end((sequence, page): Out<'_>, slice: &Slice, track: u64) {
    sequence.event(page, slice.end, event::END, |event| {
        event.track(track);
        if let Some(ns) = slice.busy_if_held_ns() {
            event.float(Key::BusyUs, ns as f64 / 1000.0);
        }
        if let Some(ns) = slice.cpu_ns {
            event.float(Key::CpuTimeUs, ns as f64 / 1000.0);
        }
        if !slice.finished {
            event.yes(Key::Unfinished);
        }
    });
}

fn step_name(number: u64) -> String {
    format!("ProfilerStep#{number}")
}

/// What the call said about itself.
#[inline(never)]
fn more(event: &mut Event<'_>, trace: &Trace, slice: &Slice, is_profiler_step: bool) {
    let options = &trace.context.options;
    let CallArgs { inputs, flops, index, text, stack } = slice.args();
    if options.torch_profiler_record_shapes && !inputs.is_empty() {
        push_inputs(event, inputs);
    }
    if let Some(flops) = flops.filter(|_| options.torch_profiler_with_flops) {
        event.number(Key::Flops, flops);
    }
    if is_profiler_step {
        event.text(Key::Step, slice.site.name());
    }
    if let Some(index) = *index {
        event.number(Key::Index, index);
    }
    if !text.is_empty() {
        event.text(Key::RequestId, text);
    }
    if !stack.is_empty() {
        event.stack(stack, &trace.symbols);
    }
    if slice.clipped {
        event.yes(Key::BeganBefore);
    }
    if let Some(poll) = slice.task {
        event.number(Key::Task, poll.task);
    }
}

/// As Kineto: lists with one entry per input.
fn push_inputs(event: &mut Event<'_>, inputs: &[Tensor]) {
    event.list(Key::ConcreteInputs, inputs, |out, _| push_text(out, argument::TEXT, ""));
    event.list(Key::InputType, inputs, |out, input| push_text(out, argument::TEXT, input.dtype.torch_name()));
    event.list(Key::InputStrides, inputs, |out, input| {
        push_list(out, &input.strides()[..input.dims().len()], |out, stride| {
            push_signed(out, argument::SIGNED, *stride);
        });
    });
    event.list(Key::InputDims, inputs, |out, input| {
        push_list(out, input.dims(), |out, dim| push_unsigned(out, *dim));
    });
}

/// Writes the lives of async ranges, which are in order of begin.
pub(super) fn write_tasks(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let Some(first) = trace.tasks.iter().next() else { return };
    let own = tracks.of_lane(writer, first.lane());
    writer.open(own, first.begin);
    for edge in trace.tasks.edges() {
        match edge {
            LifeEdge::Begin(task) => {
                let track = tracks.of_lane(writer, task.lane());
                begin_task(writer, &task, trace.profiler_step_of(&task), track);
            }
            LifeEdge::End { at, lane } => {
                let track = tracks.of_lane(writer, lane);
                writer.end(at, track);
            }
        }
    }
}

fn begin_task(writer: &mut Writer<'_>, task: &Task<'_>, step: Option<u64>, track: u64) {
    writer.event(task.begin, event::BEGIN, |event| {
        event.track(track);
        let is_op = task.site.kind() == Kind::Op;
        event.category(if is_op { Category::Op } else { Category::Annotation });
        match step {
            None => event.site(task.site),
            Some(number) => event.own_name(&step_name(number)),
        }
        event.number(Key::ExternalId, task.external_id);
        if step.is_some() {
            event.text(Key::Step, task.site.name());
        }
        if let Some(index) = task.index() {
            event.number(Key::Index, index);
        }
        if let Some(text) = task.text() {
            event.text(Key::RequestId, text);
        }
        event.number(Key::Task, task.number());
        event.number(Key::Polls, task.polls.into());
        event.float(Key::BusyUs, task.busy_ns as f64 / 1000.0);
        if let Some(ns) = task.cpu_ns() {
            event.float(Key::CpuTimeUs, ns as f64 / 1000.0);
        }
        if task.clipped {
            event.yes(Key::BeganBefore);
        }
        if !task.finished {
            event.yes(Key::Unfinished);
        } else if !task.completed {
            event.yes(Key::Cancelled);
        }
    });
}

/// Writes the iterations between bare `step()` calls, which follow each other.
pub(super) fn write_bare_steps(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let ids = trace.ranges + trace.tasks.len() as u64 + 1;
    let bare = trace.loops.iter().filter(|each| each.site.is_none());
    let steps = bare.flat_map(|each| each.steps.iter().map(|step| (step, each.drives)));
    let mut is_open = false;
    for ((step, drives), id) in steps.zip(ids..) {
        if !is_open {
            let track = tracks.of(writer, Row::Steps);
            writer.open(track, step.begin);
            is_open = true;
        }
        writer.event(step.begin, event::BEGIN, |event| {
            event.category(Category::Annotation);
            if drives {
                event.own_name(&step_name(step.number))
            } else {
                event.name("step")
            }
            event.number(Key::ExternalId, id);
        });
        writer.end(step.end, 0);
    }
}
