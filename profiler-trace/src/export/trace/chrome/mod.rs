//! `trace_rank*.json`: the trace in Kineto's dialect of the Chrome trace format, for Perfetto, HTA
//! and TensorBoard.
//!
//! The trace is streamed: ranges are decoded, formatted and written page by page, so memory does
//! not grow with their number. First comes metadata of the process and the threads' rows, then the
//! ranges of all threads, alternating between pages of threads ([`threads`]), then everything else,
//! and the window's marks. HTA requires metadata first; no reader requires events sorted by time.

pub(super) mod container;
pub(super) mod escape;
mod formatter;
mod gpu;
pub(super) mod number;
mod rows;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod text_cache;
mod threads;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod threads_tests;
mod writer;

use std::io::{self, Write};

use crate::export::events::memory::walk_program;
use crate::export::events::processes;
use crate::export::events::ranges::{BareStep, Life};
use crate::export::trace::buffer::Page;
use crate::export::trace::{metadata, parallel, partition};
use crate::model::Trace;

use formatter::Formatter;
use rows::Rows;
use text_cache::Stacks;
use writer::Events;

/// Writes the trace; `name` is its `traceName`.
pub(in crate::export) fn write(trace: &Trace, name: &str, out: &mut dyn Write) -> io::Result<()> {
    write_with(partition::workers_for(trace.ranges), trace, name, out)
}

/// Writes the trace with the given number of workers, which does not affect the output.
fn write_with(workers: usize, trace: &Trace, name: &str, out: &mut dyn Write) -> io::Result<()> {
    let (base, stacks) = (metadata::base_of(trace.begin), Stacks::default());
    let format = || Formatter::new(trace, base, &stacks);
    let rows = Rows::new(trace, format().relative(trace.begin));
    let mut events = Events { page: Page::new(out), rows, format: format() };
    container::open(&mut events.page.text, &metadata::Metadata { trace, base })?;
    let (pid, host) = (events.format.pid, processes::host_name(trace));
    events.rows.introduce(&mut events.page, (pid, 0), ("process", &host, Some("CPU")), pid);
    let parts = threads::parts(&mut events.page, &mut events.rows, trace, format);
    parallel::write(parts, workers, events.page.flushed_output()?)?;
    for task in trace.tasks.iter() {
        let row_id = events.rows.lane(&mut events.page, task.lane());
        events.slice(&Life::new(trace, &task), row_id, (task.begin, task.end));
    }
    BareStep::all(trace).for_each(|step| events.on_row(&step));
    walk_program(trace, |row, change| events.instant(row, change, change.at));
    gpu::write(&mut events, trace);
    container::end(&mut events, trace, name);
    events.page.finish()
}
