//! The events of ranges: `X` slices of threads, of async ranges and of bare steps.
//!
//! One idea keeps this fast: everything is appended to one buffer, the head of a site is made once, and what a range has
//! beside its times is out of line.

use crate::export::trace::page::Page;
use crate::model::{CallArgs, Slice, Task, Tensor, Trace};

use super::escape::push_string;
use super::heads::{Heads, push_head};
use super::number::{push_integer, push_micros};
use super::stacks::Stacks;

/// Writes the ranges of a trace.
pub(super) struct Events<'a, 'out> {
    trace: &'a Trace,
    /// Where they go.
    pub(super) page: Page<'out>,
    /// What the process is called by: see [`Trace::shown_pid`].
    pub(super) pid: u32,
    heads: Heads,
    stacks: Stacks,
    base: u64,
    shapes: bool,
    flops: bool,
}

impl<'a, 'out> Events<'a, 'out> {
    /// `base` is the trace's `baseTimeNanoseconds`.
    pub(super) fn new(trace: &'a Trace, page: Page<'out>, base: u64) -> Self {
        let config = &trace.context.config;
        let (shapes, flops) = (config.torch_profiler_record_shapes, config.torch_profiler_with_flops);
        let pid = trace.shown_pid();
        Self { trace, page, pid, heads: Heads::new(pid), stacks: Stacks::default(), base, shapes, flops }
    }

    /// Nanoseconds since the base.
    pub(super) const fn relative(&self, unix_ns: u64) -> u64 {
        unix_ns.saturating_sub(self.base)
    }

    /// One range of a thread on the row `tid`.
    #[inline]
    pub(super) fn slice(&mut self, slice: &Slice, tid: u64) {
        let step = self.trace.profiler_step(slice);
        match step {
            None => self.page.text.extend_from_slice(self.heads.of(slice.site)),
            Some(number) => self.step_head(number),
        }
        self.times(tid, slice.begin, slice.end, slice.external_id);
        if step.is_some() || !is_plain(slice) {
            self.more(slice, step.is_some());
        }
        self.close();
    }

    /// The life of an async range.
    pub(super) fn task(&mut self, task: &Task, tid: u64) {
        match task.profiler_step {
            None => self.page.text.extend_from_slice(self.heads.of(task.site)),
            Some(number) => self.step_head(number),
        }
        self.times(tid, task.begin, task.end, task.external_id);
        let out = &mut self.page.text;
        if task.profiler_step.is_some() {
            push_text(out, "step", task.site.name());
        }
        if let Some(text) = &task.text {
            push_text(out, "request_id", text);
        }
        if let Some(index) = task.index {
            push_number(out, "index", index);
        }
        push_number(out, "polls", task.polls);
        out.extend_from_slice(b",\"busy_us\":");
        push_micros(out, task.busy_ns);
        if !task.finished {
            push_true(out, "unfinished");
        } else if !task.completed {
            push_true(out, "cancelled");
        }
        self.close();
    }

    /// An iteration between bare `step()` calls: `ProfilerStep#N` if these drive the schedule.
    pub(super) fn bare_step(
        &mut self,
        (begin, end): (u64, u64),
        number: u64,
        drives: bool,
        tid: u64,
        external_id: u64,
    ) {
        if drives {
            self.step_head(number);
        } else {
            push_head(&mut self.page.text, "user_annotation", "step", i64::from(self.pid));
        }
        self.times(tid, begin, end, external_id);
        self.close();
    }

    fn step_head(&mut self, number: u64) {
        push_head(&mut self.page.text, "user_annotation", &format!("ProfilerStep#{number}"), i64::from(self.pid));
    }

    /// From the `tid` to the `External id`.
    #[inline]
    fn times(&mut self, tid: u64, begin: u64, end: u64, external_id: u64) {
        let begin_at = self.relative(begin);
        let out = &mut self.page.text;
        push_integer(out, tid);
        out.extend_from_slice(b",\"ts\":");
        push_micros(out, begin_at);
        out.extend_from_slice(b",\"dur\":");
        push_micros(out, end.saturating_sub(begin));
        out.extend_from_slice(b",\"args\":{\"External id\":");
        push_integer(out, external_id);
    }

    /// Ends an event.
    #[inline]
    pub(super) fn close(&mut self) {
        self.page.text.extend_from_slice(b"}},\n");
        self.page.pause();
    }

    /// What the call said about itself, and what became of it.
    #[inline(never)]
    fn more(&mut self, slice: &Slice, is_profiler_step: bool) {
        let out = &mut self.page.text;
        let CallArgs { inputs, flops, index, text, stack } = slice.args();
        if self.shapes && !inputs.is_empty() {
            push_inputs(out, inputs);
        }
        if let Some(flops) = flops.filter(|_| self.flops) {
            push_number(out, "flops", flops);
        }
        if is_profiler_step {
            push_text(out, "step", slice.site.name());
        }
        if let Some(index) = *index {
            push_number(out, "index", index);
        }
        if !text.is_empty() {
            push_text(out, "request_id", text);
        }
        if !stack.is_empty() {
            out.extend_from_slice(self.stacks.of(stack, &self.trace.symbols));
        }
        if let Some(poll) = slice.task {
            push_number(out, "task", poll.task);
        }
        if slice.clipped {
            push_true(out, "began_before");
        }
        if !slice.finished {
            push_true(out, "unfinished");
        }
    }
}

/// Whether there is nothing to say but when it ran.
#[inline]
fn is_plain(slice: &Slice) -> bool {
    slice.finished && !slice.clipped && slice.task.is_none() && slice.args().is_empty()
}

/// Appends the inputs as Kineto does: four lists with one entry per input.
fn push_inputs(out: &mut Vec<u8>, inputs: &[Tensor]) {
    out.extend_from_slice(b",\"Concrete Inputs\":");
    push_list(out, inputs, |out, _| out.extend_from_slice(b"\"\""));
    out.extend_from_slice(b",\"Input type\":");
    push_list(out, inputs, |out, input| {
        // The names need no escaping.
        out.push(b'"');
        out.extend_from_slice(input.dtype.torch_name().as_bytes());
        out.push(b'"');
    });
    out.extend_from_slice(b",\"Input Strides\":");
    push_list(out, inputs, |out, input| {
        push_list(out, &input.strides()[..input.dims().len()], |out, stride| {
            if *stride < 0 {
                out.push(b'-');
            }
            push_integer(out, stride.unsigned_abs());
        });
    });
    out.extend_from_slice(b",\"Input Dims\":");
    push_list(out, inputs, |out, input| push_list(out, input.dims(), |out, dim| push_integer(out, *dim)));
}

fn push_list<T>(out: &mut Vec<u8>, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

pub(super) fn push_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

pub(super) fn push_number(out: &mut Vec<u8>, key: &str, number: u64) {
    push_key(out, key);
    push_integer(out, number);
}

fn push_text(out: &mut Vec<u8>, key: &str, text: &str) {
    push_key(out, key);
    push_string(out, text);
}

fn push_true(out: &mut Vec<u8>, key: &str) {
    push_key(out, key);
    out.extend_from_slice(b"true");
}
