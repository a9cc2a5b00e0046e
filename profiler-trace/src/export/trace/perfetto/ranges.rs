//! The ranges that are no thread's: the lives of async ranges, and bare steps.

use crate::export::events::OnRow;
use crate::export::events::ranges::{BareStep, Life};
use crate::model::{LifeEdge, Trace};

use super::tracks::{Track, Tracks};
use super::writer::Writer;

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

/// Writes the iterations between bare `next_step()` calls, which follow each other.
pub(super) fn write_bare_steps(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let mut is_first = true;
    for step in BareStep::all(trace) {
        let (row, (begin, end)) = step.place();
        if std::mem::take(&mut is_first) {
            let track = tracks.of(writer, Track::Row(row));
            writer.open(track, begin);
        }
        writer.begin(begin, 0, &step);
        writer.end(end, 0);
    }
}
