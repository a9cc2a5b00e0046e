//! GPU work: a sweep over the time of all devices, with begins and ends on each row's track. Arrows
//! lead from the calls, which are on their threads' tracks.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::export::events::OnRow;
use crate::export::events::gpu::{Op, WaitEvent};
use crate::model::{Annotation, Gpu, Trace};

use super::open::OpenSlices;
use super::schema::event;
use super::tracks::{Track, Tracks};
use super::writer::Writer;

/// Returns the id of the arrow from a call to the work that it launched.
pub(super) fn flow_id(trace: &Trace, correlation: u32) -> u64 {
    u64::from(trace.context.rank) << 32 | u64::from(correlation)
}

/// Writes all GPU events except API calls.
pub(super) fn write(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let Ok(gpu) = &trace.gpu else { return };
    write_work(&mut Sweep { writer, tracks, open: OpenSlices::default() }, trace, gpu);
    let mut sweep = Sweep { writer, tracks, open: OpenSlices::default() };
    sweep.write_all(&gpu.overheads);
    if trace.context.options.cuda_sync_events {
        let mut waits: Vec<WaitEvent<'_>> = WaitEvent::all(gpu).collect();
        waits.sort_by_key(|wait| wait.row_and_times().1.0);
        sweep.write_all(&waits);
    }
}

/// Writes ops, and the spans of ranges around them.
fn write_work(sweep: &mut Sweep<'_, '_, '_>, trace: &Trace, gpu: &Gpu) {
    let mut spans: Vec<&Annotation> = gpu.annotations.iter().collect();
    spans.sort_by_key(|span| (span.begin, Reverse(span.end)));
    let Some(first) = spans.iter().map(|span| span.begin).chain(gpu.ops.first().map(|placed| placed.op.begin)).min()
    else {
        return;
    };
    let targets: HashSet<usize> = gpu.calls.iter().filter_map(|placed| placed.launched).collect();
    let session = sweep.tracks.id(sweep.writer, Track::Session);
    sweep.writer.open(session, first);
    let mut spans = spans.into_iter().peekable();
    for (at, placed) in gpu.ops.iter().enumerate() {
        // A span encloses an op that begins at the same time.
        while let Some(span) = spans.next_if(|span| span.begin <= placed.op.begin) {
            sweep.slice(span, None);
        }
        let flow = targets.contains(&at).then(|| flow_id(trace, placed.op.correlation));
        sweep.slice(&Op { gpu, placed }, flow);
    }
    spans.for_each(|span| sweep.slice(span, None));
    sweep.open.end_until(sweep.writer, u64::MAX);
}

/// Slices written in order of begin into one sequence.
struct Sweep<'s, 'a, 'out> {
    writer: &'s mut Writer<'out>,
    tracks: &'s mut Tracks<'a>,
    open: OpenSlices,
}

impl Sweep<'_, '_, '_> {
    /// Writes the start of a slice, at which an arrow may end, after all earlier ends.
    fn slice(&mut self, slice: &impl OnRow, flow: Option<u64>) {
        let (row, (begin, end)) = slice.row_and_times();
        self.open.end_until(self.writer, begin);
        let track = self.tracks.id(self.writer, Track::Row(row));
        self.writer.event(begin, event::BEGIN, |event| {
            event.track(track);
            event.describe(slice);
            if let Some(id) = flow {
                event.flow_end(id);
            }
        });
        self.open.begin(end, track);
    }

    /// Writes slices as a separate sequence. A row is described before earlier ends are written.
    fn write_all(&mut self, slices: &[impl OnRow]) {
        for (at, slice) in slices.iter().enumerate() {
            let (row, (begin, _)) = slice.row_and_times();
            let track = self.tracks.id(self.writer, Track::Row(row));
            if at == 0 {
                self.writer.open(track, begin);
            }
            self.slice(slice, None);
        }
        self.open.end_until(self.writer, u64::MAX);
    }
}
