//! The events that are no ranges of a thread: the lives of async ranges, and bare steps. And the parts that all events are
//! made of.

use crate::export::trace::buffer::Page;
use crate::model::{Task, Trace};

use super::escape::push_string;
use super::number::{push_integer, push_micros};
use super::prefix_cache::{Place, push_head};

/// Writes the events of a trace.
pub(super) struct Events<'out> {
    /// Where they go.
    pub(super) page: Page<'out>,
    /// What the process is called by: see [`Trace::shown_pid`].
    pub(super) pid: u32,
    base: u64,
}

impl<'out> Events<'out> {
    /// `base` is the trace's `baseTimeNanoseconds`.
    pub(super) fn new(trace: &Trace, page: Page<'out>, base: u64) -> Self {
        Self { page, pid: trace.shown_pid(), base }
    }

    /// Nanoseconds since the base.
    pub(super) const fn relative(&self, unix_ns: u64) -> u64 {
        unix_ns.saturating_sub(self.base)
    }

    /// The life of an async range.
    pub(super) fn task(&mut self, task: &Task<'_>, step: Option<u64>, tid: u64) {
        let (at, place) = (self.relative(task.begin), (u64::from(self.pid), tid));
        let out = &mut self.page.text;
        match step {
            None => push_head(out, task.site.kind().category(), task.site.name(), place),
            Some(number) => push_step_head(out, number, place),
        }
        push_times(out, at, task.end.saturating_sub(task.begin));
        push_id(out, task.external_id);
        if step.is_some() {
            push_text(out, "step", task.site.name());
        }
        if let Some(text) = task.text() {
            push_text(out, "request_id", text);
        }
        if let Some(index) = task.index() {
            push_number(out, "index", index);
        }
        push_number(out, "task", task.number());
        push_number(out, "polls", task.polls.into());
        push_busy(out, Some(task.busy_ns));
        push_cpu_time(out, task.cpu_ns());
        if task.clipped {
            push_true(out, "began_before");
        }
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
        let (at, place) = (self.relative(begin), (u64::from(self.pid), tid));
        let out = &mut self.page.text;
        if drives {
            push_step_head(out, number, place);
        } else {
            push_head(out, "user_annotation", "step", place);
        }
        push_times(out, at, end.saturating_sub(begin));
        push_id(out, external_id);
        self.close();
    }

    /// Ends an event.
    pub(super) fn close(&mut self) {
        push_close(&mut self.page.text);
        self.page.pause();
    }
}

/// [`push_head`] of an iteration of the loop that drives the schedule.
pub(super) fn push_step_head(out: &mut Vec<u8>, number: u64, place: Place) {
    push_head(out, "user_annotation", &format!("ProfilerStep#{number}"), place);
}

/// Appends what follows a head: `at`, in nanoseconds since the base, and how long it took.
#[inline]
pub(super) fn push_times(out: &mut Vec<u8>, at: u64, ns: u64) {
    push_micros(out, at);
    out.extend_from_slice(b",\"dur\":");
    push_micros(out, ns);
}

/// Appends the first of the arguments.
#[inline]
pub(super) fn push_id(out: &mut Vec<u8>, external_id: u64) {
    out.extend_from_slice(b",\"args\":{\"External id\":");
    push_integer(out, external_id);
}

/// Appends the end of an event.
#[inline]
pub(super) fn push_close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}},\n");
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

pub(super) fn push_text(out: &mut Vec<u8>, key: &str, text: &str) {
    push_key(out, key);
    push_string(out, text);
}

/// Appends the time in polls of what waited in between: of a guard that is held over `.await`, of a future's life.
pub(super) fn push_busy(out: &mut Vec<u8>, ns: Option<u64>) {
    if let Some(ns) = ns {
        push_key(out, "busy_us");
        push_micros(out, ns);
    }
}

/// Appends the thread's CPU time, if it was measured.
pub(super) fn push_cpu_time(out: &mut Vec<u8>, ns: Option<u64>) {
    if let Some(ns) = ns {
        push_key(out, "cpu_time_us");
        push_micros(out, ns);
    }
}

pub(super) fn push_true(out: &mut Vec<u8>, key: &str) {
    push_key(out, key);
    out.extend_from_slice(b"true");
}
