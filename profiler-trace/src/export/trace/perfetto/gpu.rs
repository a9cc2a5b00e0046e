//! What devices did: a sweep over the time of all of them, with begins and ends on the track of each row. Arrows lead from
//! the calls, whose tracks are their threads'.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::export::events::occupancy::{Occupancy, per_multiprocessor};
use crate::export::events::rows::GpuRow;
use crate::model::{Annotation, Gpu, Placed, PlacedOp, Trace};
use crate::records::gpu::{GpuOp, Wait, Work};

use super::event::{Event, push_unsigned};
use super::open::Open;
use super::schema::event;
use super::tracks::{Row, Tracks};
use super::writer::Writer;
use crate::export::events::keys::{Category, Key};

/// The arrow from a call to what it launched.
pub(super) fn flow_id(trace: &Trace, correlation: u32) -> u64 {
    u64::from(trace.context.rank) << 32 | u64::from(correlation)
}

/// Writes everything of the GPU but the calls.
pub(super) fn write(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let Ok(gpu) = &trace.gpu else { return };
    write_work(writer, tracks, trace, gpu);
    write_overheads(writer, tracks, gpu);
    if trace.context.options.cuda_sync_events {
        write_waits(writer, tracks, gpu);
    }
}

/// Ops, and the spans of ranges around them.
fn write_work(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace, gpu: &Gpu) {
    let mut spans: Vec<&Annotation> = gpu.annotations.iter().collect();
    spans.sort_by_key(|span| (span.begin, Reverse(span.end)));
    let Some(first) = spans.iter().map(|span| span.begin).chain(gpu.ops.first().map(|placed| placed.op.begin)).min()
    else {
        return;
    };
    let targets: HashSet<usize> = gpu.calls.iter().filter_map(|placed| placed.launched).collect();
    let session = tracks.of(writer, Row::Session);
    writer.open(session, first);
    let mut open = Open::default();
    let mut spans = spans.into_iter().peekable();
    for (at, placed) in gpu.ops.iter().enumerate() {
        // A span stands around the op that begins with it.
        while let Some(span) = spans.next_if(|span| span.begin <= placed.op.begin) {
            write_span(writer, tracks, span, &mut open);
        }
        let op = placed.op;
        open.end_until(writer, op.begin);
        let track = tracks.of(writer, Row::OfDevice(Some(op.device), GpuRow::Stream(op.stream, placed.lane)));
        writer.event(op.begin, event::BEGIN, |event| {
            event.track(track);
            push_op(event, gpu, placed);
            if targets.contains(&at) {
                event.flow_end(flow_id(trace, op.correlation));
            }
        });
        open.begin(op.end, track);
    }
    for span in spans {
        write_span(writer, tracks, span, &mut open);
    }
    open.end_until(writer, u64::MAX);
}

fn write_span(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, span: &Annotation, open: &mut Open) {
    open.end_until(writer, span.begin);
    let row = if span.lane == 0 { GpuRow::Stream(span.stream, 0) } else { GpuRow::Annotations(span.stream, span.lane) };
    let track = tracks.of(writer, Row::OfDevice(Some(span.device), row));
    writer.event(span.begin, event::BEGIN, |event| {
        event.track(track);
        event.category(Category::GpuAnnotation);
        event.name(span.name);
        event.number(Key::ExternalId, span.external_id);
    });
    open.begin(span.end, track);
}

fn push_op(event: &mut Event<'_>, gpu: &Gpu, placed: &PlacedOp) {
    let PlacedOp { op, external_id, .. } = *placed;
    match op.work {
        Work::Kernel(kernel) => {
            event.category(Category::Kernel);
            event.gpu_name(kernel.name, gpu.name(kernel.name));
        }
        Work::Copy { .. } => {
            event.category(Category::Copy);
            event.name(&gpu.name_of(&op.work));
        }
        Work::Fill { .. } => {
            event.category(Category::Fill);
            event.name(&gpu.name_of(&op.work));
        }
    }
    event.number(Key::Device, op.device.into());
    event.number(Key::Context, op.context.into());
    event.number(Key::Stream, op.stream.into());
    event.number(Key::Correlation, op.correlation.into());
    if external_id > 0 {
        event.number(Key::ExternalId, external_id);
    }
    push_work(event, gpu, &op);
    if op.graph != (0, 0) {
        event.number(Key::GraphId, op.graph.0.into());
        event.number(Key::GraphNode, op.graph.1);
    }
}

fn push_work(event: &mut Event<'_>, gpu: &Gpu, op: &GpuOp) {
    match op.work {
        Work::Kernel(kernel) => {
            event.number(Key::Queued, kernel.queued);
            event.number(Key::Registers, kernel.registers.into());
            event.number(Key::SharedMemory, kernel.shared.into());
            event.list(Key::Grid, kernel.grid, |out, number| push_unsigned(out, number.into()));
            event.list(Key::Block, kernel.block, |out, number| push_unsigned(out, number.into()));
            if let Some(device) = gpu.devices.get(op.device as usize) {
                let (blocks, warps) = per_multiprocessor(&kernel, device);
                event.float(Key::BlocksPerSm, blocks);
                event.float(Key::WarpsPerSm, warps);
                event.number(Key::Occupancy, Occupancy::of(&kernel, device).percent);
            }
            if let Some(priority) = kernel.priority {
                event.signed(Key::Priority, priority.into());
            }
        }
        Work::Copy { bytes, peers, .. } => {
            push_bytes(event, bytes, op.end - op.begin);
            if let Some((from, to)) = peers {
                event.number(Key::FromDevice, from.into());
                event.number(Key::ToDevice, to.into());
            }
        }
        Work::Fill { bytes, .. } => push_bytes(event, bytes, op.end - op.begin),
    }
}

fn push_bytes(event: &mut Event<'_>, bytes: u64, ns: u64) {
    event.number(Key::Bytes, bytes);
    if ns > 0 {
        event.float(Key::MemoryBandwidth, bytes as f64 / ns as f64);
    }
}

/// What CUDA and the profiler spent on themselves.
fn write_overheads(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, gpu: &Gpu) {
    let records = gpu.overheads.iter().map(|Placed { record, lane }| {
        let fill = move |event: &mut Event<'_>| {
            event.category(Category::Overhead);
            event.name(record.kind.name());
            event.number(Key::Overhead, record.code.into());
        };
        ((record.begin, record.end), Row::OfDevice(None, GpuRow::Overhead(*lane)), fill)
    });
    write_in_order(writer, tracks, records);
}

fn write_waits(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, gpu: &Gpu) {
    let (devices, callers) = (gpu.devices_of_contexts(), &gpu.callers());
    let mut waits: Vec<&Placed<Wait>> = gpu.syncs.iter().collect();
    waits.sort_by_key(|placed| placed.record.begin);
    let records = waits.into_iter().map(|Placed { record, lane }| {
        let device = devices.get(&record.context).copied().unwrap_or(0);
        let fill = move |event: &mut Event<'_>| {
            event.category(Category::Wait);
            event.name(record.kind.name());
            event.text(Key::SyncKind, record.kind.name());
            event.signed(Key::Stream, record.stream.map_or(-1, i64::from));
            event.number(Key::Correlation, record.correlation.into());
            event.number(Key::Device, device.into());
            event.number(Key::Context, record.context.into());
            if let Some(external_id) = callers.get(&record.correlation) {
                event.number(Key::ExternalId, *external_id);
            }
            if let Some(awaited) = gpu.events.awaited(record) {
                event.number(Key::WaitStream, awaited.stream.into());
                event.number(Key::WaitRecord, awaited.correlation.into());
            }
            if record.kind.is_for_event() {
                event.number(Key::WaitEvent, record.event.into());
            }
        };
        ((record.begin, record.end), Row::OfDevice(Some(device), GpuRow::Waits(record.stream, *lane)), fill)
    });
    write_in_order(writer, tracks, records);
}

/// Writes slices that are in order of begin.
fn write_in_order<F: FnOnce(&mut Event<'_>)>(
    writer: &mut Writer<'_>,
    tracks: &mut Tracks<'_>,
    slices: impl Iterator<Item = ((u64, u64), Row, F)>,
) {
    let mut open = Open::default();
    let mut is_first = true;
    for ((begin, end), row, fill) in slices {
        let track = tracks.of(writer, row);
        if std::mem::take(&mut is_first) {
            writer.open(track, begin);
        }
        open.end_until(writer, begin);
        writer.event(begin, event::BEGIN, |event| {
            event.track(track);
            fill(event);
        });
        open.begin(end, track);
    }
    open.end_until(writer, u64::MAX);
}
