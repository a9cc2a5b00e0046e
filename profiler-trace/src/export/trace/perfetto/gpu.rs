//! What devices did: a sweep over the time of all of them, with begins and ends on the track of
//! each row. Arrows lead from the calls, whose tracks are their threads'.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::export::events::OnRow;
use crate::export::events::gpu::{Op, WaitEvent};
use crate::model::{Annotation, Gpu, Trace};

use super::open::Open;
use super::schema::event;
use super::tracks::{Track, Tracks};
use super::writer::Writer;

/// Returns the id of the arrow from a call to the work that it launched.
pub(super) fn flow_id(trace: &Trace, correlation: u32) -> u64 {
    u64::from(trace.context.rank) << 32 | u64::from(correlation)
}

/// Writes everything of the GPU but the calls.
pub(super) fn write(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let Ok(gpu) = &trace.gpu else { return };
    write_work(&mut Sweep { writer, tracks, open: Open::default() }, trace, gpu);
    let mut sweep = Sweep { writer, tracks, open: Open::default() };
    sweep.write_all(&gpu.overheads);
    if trace.context.options.cuda_sync_events {
        let mut waits: Vec<WaitEvent<'_>> = WaitEvent::all(gpu).collect();
        waits.sort_by_key(|wait| wait.place().1.0);
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
    let session = sweep.tracks.of(sweep.writer, Track::Session);
    sweep.writer.open(session, first);
    let mut spans = spans.into_iter().peekable();
    for (at, placed) in gpu.ops.iter().enumerate() {
        // A span stands around the op that begins with it.
        while let Some(span) = spans.next_if(|span| span.begin <= placed.op.begin) {
            sweep.slice(span, None);
        }
        let flow = targets.contains(&at).then(|| flow_id(trace, placed.op.correlation));
        sweep.slice(&Op { gpu, placed }, flow);
    }
    spans.for_each(|span| sweep.slice(span, None));
    sweep.open.end_until(sweep.writer, u64::MAX);
}

/// Slices that are written in order of begin into one sequence.
struct Sweep<'s, 'a, 'out> {
    writer: &'s mut Writer<'out>,
    tracks: &'s mut Tracks<'a>,
    open: Open,
}

impl Sweep<'_, '_, '_> {
    /// Writes the begin of a slice, at which an arrow may end, after the ends that are due.
    fn slice(&mut self, slice: &impl OnRow, flow: Option<u64>) {
        let (row, (begin, end)) = slice.place();
        self.open.end_until(self.writer, begin);
        let track = self.tracks.of(self.writer, Track::Row(row));
        self.writer.event(begin, event::BEGIN, |event| {
            event.track(track);
            event.describe(slice);
            if let Some(id) = flow {
                event.flow_end(id);
            }
        });
        self.open.begin(end, track);
    }

    /// Writes slices as a sequence of their own. A row is described before the ends that are due.
    fn write_all(&mut self, slices: &[impl OnRow]) {
        for (at, slice) in slices.iter().enumerate() {
            let (row, (begin, _)) = slice.place();
            let track = self.tracks.of(self.writer, Track::Row(row));
            if at == 0 {
                self.writer.open(track, begin);
            }
            self.slice(slice, None);
        }
        self.open.end_until(self.writer, u64::MAX);
    }
}
