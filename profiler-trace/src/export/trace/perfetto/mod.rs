//! `trace_rank*.pftrace`: the trace in Perfetto's native format, protocol buffers.
//!
//! It contains the slices, tracks, arguments and arrows of the Chrome trace under the same names,
//! and also counters. It is a quarter of the size, because names are interned and times are
//! differences. It is streamed like the Chrome trace: ranges are decoded, encoded and written page
//! by page, alternating between pages of threads ([`threads`]).
//!
//! Perfetto requires begins and ends, and orders those with the same time as in the file. So every
//! track is written sequentially by one sequence of packets ([`sequence`]): a thread's ranges come
//! from its stream, merged with its CUDA calls ([`calls`]), and events that are known as whole
//! slices are split into begins and ends ([`open`]).
//!
//! The smaller file does not load faster: Perfetto 52 takes 1.3 times as long as for the JSON
//! (`tests/consumers/loading.sh`). A slice is two packets here and one event there, and that
//! version decodes each packet half a dozen times, clearing 1.6 kB each time (perfetto#6213 removes
//! that in version 57). Without any ends it would be as fast as the JSON, so the contents of
//! packets hardly matter. These changes had no effect: absolute times, no `FLAGS`, all threads
//! sorted by time, lists as `legacy_json_value`. `LegacyEvent`'s phase X is a whole slice in one
//! event, but its duration is in whole microseconds.

mod calls;
mod counters;
mod event;
mod gpu;
mod interner;
mod open;
mod ranges;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod reader;
mod schema;
mod sequence;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod threads;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod threads_tests;
mod tracks;
mod wire;
mod writer;

use std::io::{self, Write};

use crate::export::events::Category;
use crate::export::report_parts::clock::Jump;
use crate::export::trace::{metadata, parallel, partition};
use crate::model::Trace;

use tracks::{Track, Tracks};
use writer::Writer;

/// Writes the trace.
pub(in crate::export) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    write_with(partition::workers_for(trace.ranges), trace, out)
}

/// Writes the trace with the given number of workers, which does not affect the output.
fn write_with(workers: usize, trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer::new(out);
    let mut tracks = Tracks::new(&mut writer, trace);
    write_session(&mut writer, &mut tracks, trace)?;
    let parts = threads::parts(&mut writer, &mut tracks, trace);
    parallel::write(parts, workers, writer.flushed_output()?)?;
    ranges::write_tasks(&mut writer, &mut tracks, trace);
    ranges::write_bare_steps(&mut writer, &mut tracks, trace);
    gpu::write(&mut writer, &mut tracks, trace);
    counters::write(&mut writer, &mut tracks, trace);
    writer.finish()
}

/// Writes the recording as a slice with the trace's metadata as arguments, and a mark for each jump
/// of a clock.
fn write_session(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) -> io::Result<()> {
    let members = serde_json::to_value(metadata::Metadata { trace, base: metadata::base_of(trace.begin) })?;
    let track = tracks.id(writer, Track::Session);
    writer.open(track, trace.begin);
    writer.event(trace.begin, schema::event::BEGIN, |event| {
        event.category(Category::Trace);
        event.inline_name("recording");
        event.members(&members);
    });
    for jump in Jump::all(trace) {
        let members = serde_json::to_value(&jump)?;
        writer.event(jump.at_unix_ns, schema::event::INSTANT, |event| {
            event.category(Category::Trace);
            event.inline_name(Jump::MARK);
            event.members(&members);
        });
    }
    writer.end(trace.shown_end(), 0);
    Ok(())
}
