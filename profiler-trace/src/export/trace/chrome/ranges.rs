//! The ranges of threads: `X` slices, which are most of a trace.
//!
//! One idea keeps this fast: everything is appended to one buffer, the head of a site and its inputs are put into words once, and what a range has
//! beside its times is out of line.

use crate::model::{CallArgs, Slice, Trace};

use super::event::{
    push_busy, push_close, push_cpu_time, push_id, push_number, push_step_head, push_text, push_times, push_true,
};
use super::inputs::Inputs;
use super::prefix_cache::Heads;
use super::stacks::Stacks;

/// Makes text of ranges.
pub(super) struct Ranges<'a> {
    trace: &'a Trace,
    heads: Heads,
    inputs: Inputs,
    stacks: &'a Stacks,
    pid: u32,
    base: u64,
    shapes: bool,
    flops: bool,
}

impl<'a> Ranges<'a> {
    /// `base` is the trace's `baseTimeNanoseconds`.
    pub(super) fn new(trace: &'a Trace, stacks: &'a Stacks, base: u64) -> Self {
        let options = &trace.context.options;
        let (shapes, flops) = (options.torch_profiler_record_shapes, options.torch_profiler_with_flops);
        let pid = trace.shown_pid();
        Self { trace, heads: Heads::new(pid), inputs: Inputs::default(), stacks, pid, base, shapes, flops }
    }

    /// Appends a range on the row `tid`.
    #[inline]
    pub(super) fn push(&mut self, out: &mut Vec<u8>, slice: &Slice, tid: u64) {
        let step = self.trace.profiler_step(slice);
        match step {
            None => out.extend_from_slice(self.heads.of(slice.site, tid)),
            Some(number) => push_step_head(out, number, (u64::from(self.pid), tid)),
        }
        push_times(out, slice.begin.saturating_sub(self.base), slice.duration());
        push_id(out, slice.external_id);
        if step.is_some() || !is_plain(slice) {
            self.push_more(out, slice, step.is_some());
        }
        push_close(out);
    }

    /// What the call said about itself, and what became of it.
    #[inline(never)]
    fn push_more(&mut self, out: &mut Vec<u8>, slice: &Slice, is_profiler_step: bool) {
        let CallArgs { inputs, flops, index, text, stack } = slice.args();
        if self.shapes && !inputs.is_empty() {
            self.inputs.push(out, slice.site, inputs);
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
            self.stacks.push(out, stack, &self.trace.symbols);
        }
        if let Some(poll) = slice.task {
            push_number(out, "task", poll.task);
        }
        push_busy(out, slice.busy_if_held_ns());
        push_cpu_time(out, slice.cpu_ns);
        if slice.clipped {
            push_true(out, "began_before");
        }
        if !slice.finished {
            push_true(out, "unfinished");
        }
    }
}

/// Returns whether there is nothing to say but when it ran.
#[inline]
fn is_plain(slice: &Slice) -> bool {
    let has_times = slice.cpu_ns.is_some() || slice.busy_if_held_ns().is_some();
    slice.finished && !slice.clipped && slice.task.is_none() && !has_times && slice.args().is_empty()
}
