//! `trace_rank*.json`: the trace in Kineto's dialect of the Chrome trace format, for Perfetto, HTA and TensorBoard.
//!
//! Streamed: ranges are decoded, formatted and written one at a time through one buffer, so that memory does not grow with
//! their number. The order is metadata of the process, then row by row its name and its ranges, then the window's marks;
//! HTA needs metadata first, nobody needs events sorted by time.

mod container;
pub(super) mod escape;
mod event;
mod gpu;
mod gpu_aside;
mod gpu_rows;
mod heads;
mod memory;
pub(super) mod number;
mod rows;
mod stacks;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::io::{self, Write};

use crate::export::trace::head;
use crate::export::trace::page::Page;
use crate::model::Trace;

use event::Events;
use rows::{Row, Rows};

/// Writes the trace; `name` is what it calls itself (`traceName`).
pub(in crate::export) fn write(trace: &Trace, name: &str, out: &mut dyn Write) -> io::Result<()> {
    let base = head::base_of(trace.begin);
    let mut events = Events::new(trace, Page::new(out), base);
    container::open(&mut events.page, trace, base)?;
    let (begin, end) = (events.relative(trace.begin), events.relative(trace.shown_end()));
    let mut rows = Rows::new(events.pid, begin);
    rows.introduce_process(&mut events.page, &trace.context.process_name);
    write_threads(&mut events, &mut rows, trace);
    write_tasks(&mut events, &mut rows, trace);
    write_bare_steps(&mut events, &mut rows, trace);
    memory::write(&mut events, &mut rows, trace);
    gpu::write(&mut events, &mut rows, trace);
    container::close(&mut events.page, (begin, end), name);
    events.page.finish()
}

fn write_threads(events: &mut Events<'_, '_>, rows: &mut Rows, trace: &Trace) {
    for (index, thread) in trace.threads.iter().enumerate() {
        let name = &thread.identity.name;
        let own = rows.tid(&mut events.page, Row::Thread(index, 0), Some(thread.identity.os_id), name);
        trace.walk(index, |slice| {
            let tid = match slice.lane {
                0 => own,
                lane => {
                    rows.tid(&mut events.page, Row::Thread(index, lane), None, &format!("{name} (overlapping {lane})"))
                }
            };
            events.slice(slice, tid);
        });
    }
}

fn write_tasks(events: &mut Events<'_, '_>, rows: &mut Rows, trace: &Trace) {
    for task in &trace.tasks {
        let tid = rows.tid(&mut events.page, Row::Async(task.lane), None, &format!("async lane {}", task.lane));
        events.task(task, tid);
    }
}

/// Bare `step()` calls have no function whose time they are: they get a row of their own.
fn write_bare_steps(events: &mut Events<'_, '_>, rows: &mut Rows, trace: &Trace) {
    let ids = trace.ranges + trace.tasks.len() as u64 + 1;
    let bare = trace.loops.iter().filter(|each| each.site.is_none());
    let steps = bare.flat_map(|each| each.steps.iter().map(|step| (step, each.drives)));
    for ((step, drives), id) in steps.zip(ids..) {
        let tid = rows.tid(&mut events.page, Row::Steps, None, "steps");
        events.bare_step((step.begin, step.end), step.number, drives, tid, id);
    }
}
