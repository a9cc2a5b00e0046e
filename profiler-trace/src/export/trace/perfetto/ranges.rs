//! Ranges outside of threads: the lives of async ranges, and bare steps.

use crate::export::events::OnRow;
use crate::export::events::ranges::{BareStep, Life};
use crate::model::{LifeEdge, Trace};

use super::tracks::{Track, Tracks};
use super::writer::Writer;

/// Writes the lives of async ranges.
pub(super) fn write_tasks(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let Some(first) = trace.tasks.iter().next() else { return };
    let track = tracks.lane(writer, first.lane());
    writer.open(track, first.begin);
    for edge in trace.tasks.edges() {
        match edge {
            LifeEdge::Begin(task) => {
                let track = tracks.lane(writer, task.lane());
                writer.begin(task.begin, track, &Life::new(trace, &task));
            }
            LifeEdge::End { at, lane } => {
                let track = tracks.lane(writer, lane);
                writer.end(at, track);
            }
        }
    }
}

/// Writes the iterations between bare `next_step()` calls.
pub(super) fn write_bare_steps(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let mut is_first = true;
    for step in BareStep::all(trace) {
        let (row, (begin, end)) = step.row_and_times();
        if std::mem::take(&mut is_first) {
            let track = tracks.id(writer, Track::Row(row));
            writer.open(track, begin);
        }
        writer.begin(begin, 0, &step);
        writer.end(end, 0);
    }
}
