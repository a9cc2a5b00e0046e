//! The ranges: of threads, which [`threads`](super::threads) puts in order; the lives of async ranges; bare steps.

use crate::export::events::ranges::{BareStep, Life, Part, Range};
use crate::export::events::{Event, OnRow};
use crate::model::{LifeEdge, Slice, Trace};

use super::schema::event;
use super::sequence::Sequence;
use super::tracks::{Track, Tracks};
use super::writer::Writer;

/// A sequence, and the page that it goes on in.
type Out<'o> = (&'o mut Sequence, &'o mut Vec<u8>);

/// Appends the begin of a thread's range; the track is 0 if it is the sequence's own.
#[inline]
pub(super) fn begin((sequence, page): Out<'_>, trace: &Trace, slice: &Slice, track: u64) {
    sequence.event(page, slice.begin, event::BEGIN, |event| {
        event.track(track);
        event.describe(&Range::new(trace, slice, Part::Begin));
    });
}

/// Appends its end.
#[inline]
pub(super) fn end((sequence, page): Out<'_>, trace: &Trace, slice: &Slice, track: u64) {
    sequence.event(page, slice.end, event::END, |event| {
        event.track(track);
        Range::new(trace, slice, Part::End).args(event);
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
                writer.begin(task.begin, track, &Life::new(trace, &task));
            }
            LifeEdge::End { at, lane } => {
                let track = tracks.of_lane(writer, lane);
                writer.end(at, track);
            }
        }
    }
}

/// Writes the iterations between bare `step()` calls, which follow each other.
pub(super) fn write_bare_steps(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let mut is_first = true;
    for step in BareStep::all(trace) {
        let (begin, end) = step.times();
        if std::mem::take(&mut is_first) {
            let track = tracks.of(writer, Track::Row(step.row()));
            writer.open(track, begin);
        }
        writer.begin(begin, 0, &step);
        writer.end(end, 0);
    }
}
