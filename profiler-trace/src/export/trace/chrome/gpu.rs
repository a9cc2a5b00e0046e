//! GPU events as Kineto writes them: kernels, copies, fills, API calls, arrows from calls to the
//! work that they launched, waits, overhead and memory.

use crate::export::events::calls::Call;
use crate::export::events::gpu::{Op, WaitEvent};
use crate::export::events::memory::walk_cuda;
use crate::export::events::{OnRow, Row};
use crate::model::{Gpu, PlacedCall, Trace};

use super::writer::Events;

/// Writes all GPU events.
pub(super) fn write(events: &mut Events<'_, '_>, trace: &Trace) {
    let Ok(gpu) = &trace.gpu else { return };
    // Annotations come first, because Perfetto shows the first of two slices with the same times
    // around the other.
    gpu.annotations.iter().for_each(|annotation| events.on_row(annotation));
    gpu.ops.iter().for_each(|placed| events.on_row(&Op { gpu, placed }));
    gpu.calls.iter().for_each(|placed| write_call(events, trace, gpu, placed));
    gpu.overheads.iter().for_each(|placed| events.on_row(placed));
    if trace.context.options.cuda_sync_events {
        WaitEvent::all(gpu).for_each(|wait| events.on_row(&wait));
    }
    walk_cuda(trace, gpu, |row, change| events.instant(row, change, change.at));
}

/// Writes an API call, and the arrow to the work that it launched.
fn write_call(events: &mut Events<'_, '_>, trace: &Trace, gpu: &Gpu, placed: &PlacedCall) {
    let call = placed.call;
    let row_id = events.row_id(Row::caller(trace, call.thread));
    events.slice(&Call::new(gpu, placed, trace.context.options.cuda_api_names), row_id, (call.begin, call.end));
    let target = placed.launched.and_then(|at| gpu.ops.get(at)).map(|placed| Op { gpu, placed }.row_and_times());
    if let Some((row, (begin, _))) = target.filter(|(_, (begin, _))| call.begin <= *begin) {
        let target_row = events.row_id(row);
        events.arrow_end(("s", ""), call.correlation, (row_id, call.begin));
        events.arrow_end(("f", ",\"bp\":\"e\""), call.correlation, (target_row, begin));
    }
}
