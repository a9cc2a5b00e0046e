//! `trace_rank*.json`: the trace in Kineto's dialect of the Chrome trace format, for Perfetto, HTA and TensorBoard.
//!
//! Streamed: ranges are decoded, formatted and written page by page, so that memory does not grow with their number. The order
//! is metadata of the process and of the threads' rows, then the ranges of all threads, a page of one thread after a
//! page of another ([`threads`]), then all else, and the window's marks; HTA needs metadata first, nobody needs events
//! sorted by time.

mod container;
pub(super) mod escape;
mod event;
mod gpu;
mod gpu_other;
mod gpu_rows;
mod inputs;
mod memory;
pub(super) mod number;
mod prefix_cache;
mod ranges;
mod rows;
mod stacks;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod threads;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod threads_tests;

use std::io::{self, Write};

use crate::export::events::processes;
use crate::export::trace::buffer::Page;
use crate::export::trace::{metadata, parallel, partition};
use crate::model::Trace;

use event::Events;
use rows::{Row, Rows};
use stacks::Stacks;

/// Writes the trace; `name` is what it calls itself (`traceName`).
pub(in crate::export) fn write(trace: &Trace, name: &str, out: &mut dyn Write) -> io::Result<()> {
    write_with(partition::workers_for(trace.ranges), trace, name, out)
}

/// The same, with so many workers: what is written does not depend on their number.
fn write_with(workers: usize, trace: &Trace, name: &str, out: &mut dyn Write) -> io::Result<()> {
    let base = metadata::base_of(trace.begin);
    let mut events = Events::new(trace, Page::new(out), base);
    container::open(&mut events.page, trace, base)?;
    let (begin, end) = (events.relative(trace.begin), events.relative(trace.shown_end()));
    let mut rows = Rows::new(events.pid, begin);
    rows.introduce_process(&mut events.page, &processes::host_name(trace));
    let stacks = Stacks::default();
    let parts = threads::parts(&mut events, &mut rows, (trace, base), &stacks);
    parallel::write(parts, workers, events.page.direct()?)?;
    write_tasks(&mut events, &mut rows, trace);
    write_bare_steps(&mut events, &mut rows, trace);
    memory::write(&mut events, &mut rows, trace);
    gpu::write(&mut events, &mut rows, trace);
    container::close(&mut events.page, trace, (begin, end), name);
    events.page.finish()
}

fn write_tasks(events: &mut Events<'_>, rows: &mut Rows, trace: &Trace) {
    for task in trace.tasks.iter() {
        let tid = rows.lane(&mut events.page, task.lane());
        events.task(&task, trace.profiler_step_of(&task), tid);
    }
}

/// Bare `step()` calls have no function whose time they are: they get a row of their own.
fn write_bare_steps(events: &mut Events<'_>, rows: &mut Rows, trace: &Trace) {
    let ids = trace.ranges + trace.tasks.len() as u64 + 1;
    let bare = trace.loops.iter().filter(|each| each.site.is_none());
    let steps = bare.flat_map(|each| each.steps.iter().map(|step| (step, each.drives)));
    for ((step, drives), id) in steps.zip(ids..) {
        let tid = rows.tid(&mut events.page, Row::Steps, None, "steps");
        events.bare_step((step.begin, step.end), step.number, drives, tid, id);
    }
}
