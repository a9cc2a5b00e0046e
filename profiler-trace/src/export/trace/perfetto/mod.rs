//! `trace_rank*.pftrace`: the trace in Perfetto's own format, protocol buffers.
//!
//! The same slices, tracks, arguments and arrows as in the Chrome trace under the same names, and
//! counters beside; at a quarter of the size, because names are said once and times are
//! differences. Streamed as that one is: ranges are decoded, encoded and written page by page, a
//! page of one thread after a page of another ([`threads`]).
//!
//! Perfetto wants begins and ends, and takes those of the same time in the order of the file. So
//! every track is written from front to back by one sequence of packets ([`sequence`]): a thread's
//! ranges as its stream tells them, merged with its CUDA calls ([`calls`]), and what is known as
//! whole slices through the ends that are due ([`open`]).
//!
//! Smaller is not faster to load: Perfetto 52 takes 1.3 times as long as for the JSON
//! (`tests/consumers/loading.sh`). A slice is two packets here and one event there, and that
//! version decodes each packet half a dozen times, clearing 1.6 kB first every time (perfetto#6213
//! ends that in version 57). Without any ends at all it would be as fast as the JSON, so what a
//! packet holds hardly matters. Tried, and of no effect: times that are not differences, no
//! `FLAGS`, all threads in the order of time, lists as `legacy_json_value`. The one event that is a
//! whole slice, `LegacyEvent`'s phase X, has its duration in whole microseconds.

mod calls;
mod counters;
mod event;
mod gpu;
mod interner;
mod open;
mod ranges;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod reading;
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

/// Writes the trace with so many workers: the output does not depend on their number.
fn write_with(workers: usize, trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer::new(out);
    let mut tracks = Tracks::new(&mut writer, trace);
    write_session(&mut writer, &mut tracks, trace)?;
    let parts = threads::parts(&mut writer, &mut tracks, trace);
    parallel::write(parts, workers, writer.direct()?)?;
    ranges::write_tasks(&mut writer, &mut tracks, trace);
    ranges::write_bare_steps(&mut writer, &mut tracks, trace);
    gpu::write(&mut writer, &mut tracks, trace);
    counters::write(&mut writer, &mut tracks, trace);
    writer.finish()
}

/// Writes the recording as a slice, with the trace's own facts as arguments: those at the head of
/// the Chrome trace. Adds a mark for each jump of a clock to it.
fn write_session(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) -> io::Result<()> {
    let facts = serde_json::to_value(metadata::Head { trace, base: metadata::base_of(trace.begin) })?;
    let track = tracks.of(writer, Track::Session);
    writer.open(track, trace.begin);
    writer.event(trace.begin, schema::event::BEGIN, |event| {
        event.category(Category::Trace);
        event.own_name("recording");
        event.members(&facts);
    });
    for jump in Jump::all(trace) {
        let facts = serde_json::to_value(&jump)?;
        writer.event(jump.at_unix_ns, schema::event::INSTANT, |event| {
            event.category(Category::Trace);
            event.own_name(Jump::MARK);
            event.members(&facts);
        });
    }
    writer.end(trace.shown_end(), 0);
    Ok(())
}
