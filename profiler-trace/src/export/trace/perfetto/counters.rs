//! What rises and falls: memory, with an event for every allocation and release on its thread, and the occupancy of
//! devices.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::export::events::memory::{MemoryChange, walk_reported, walk_taken};
use crate::export::events::occupancy::Occupancy;
use crate::model::{Gpu, Memory, Trace};
use crate::records::gpu::Work;
use profiler_core::Device;

use super::schema::event;
use super::tracks::{Counter, Row, Tracks};
use super::writer::Writer;
use crate::export::events::keys::{Category, Key};

/// Writes all counters.
pub(super) fn write(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    if let Some(memory) = &trace.memory {
        write_reported(writer, tracks, trace, memory);
    }
    if let Ok(gpu) = &trace.gpu {
        write_taken(writer, tracks, trace, gpu);
        write_occupancy(writer, tracks, gpu);
    }
}

const fn counter_of(device: Device) -> Row {
    Row::Counter(match device.index() {
        None => Counter::HostMemory,
        Some(index) => Counter::DeviceMemory(index),
    })
}

/// What the program's allocator and its frameworks reported.
fn write_reported(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace, memory: &Memory) {
    if memory.devices.is_empty() {
        return;
    }
    let session = tracks.of(writer, Row::Session);
    writer.open(session, trace.begin);
    for each in &memory.devices {
        sample(writer, tracks, counter_of(each.device), trace.begin, each.at_begin);
    }
    walk_reported(trace, |thread, change| {
        let thread = tracks.of(writer, Row::Thread(thread));
        let counter = tracks.of(writer, counter_of(change.device));
        write_change(writer, change, thread, counter);
    });
}

/// What CUDA gave and took back.
fn write_taken(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace, gpu: &Gpu) {
    let mut is_first = true;
    walk_taken(trace, gpu, |thread, change| {
        let Device::Cuda(device) = change.device else { return };
        let thread = tracks.of_caller(writer, thread);
        let counter = tracks.of(writer, Row::Counter(Counter::CudaMemory(u32::from(device))));
        if std::mem::take(&mut is_first) {
            writer.open(thread, change.at);
        }
        write_change(writer, change, thread, counter);
    });
}

/// An allocation or release.
fn write_change(writer: &mut Writer<'_>, change: &MemoryChange, thread: u64, counter: u64) {
    let (id, kind) = change.device_numbers();
    writer.event(change.at, event::INSTANT, |event| {
        event.track(thread);
        event.category(Category::Instant);
        event.name(change.name());
        event.number(Key::TotalReserved, 0);
        event.number(Key::TotalAllocated, change.total);
        event.signed(Key::DeviceId, id);
        event.number(Key::DeviceType, kind);
        event.signed(Key::BytesChanged, change.bytes);
        if !change.failed {
            event.number(Key::Addr, change.address);
        }
        event.counter(counter, change.total);
    });
}

/// How full each device is of the kernels that run: the sum of their occupancies, at most 100.
fn write_occupancy(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, gpu: &Gpu) {
    for (number, device) in (0..).zip(&gpu.devices) {
        let row = Row::Counter(Counter::Occupancy(number));
        let mut running: BinaryHeap<(Reverse<u64>, u64)> = BinaryHeap::new();
        let mut sum = 0;
        let mut is_first = true;
        for placed in gpu.ops.iter().filter(|placed| placed.op.device == number) {
            let Work::Kernel(kernel) = placed.op.work else { continue };
            if std::mem::take(&mut is_first) {
                let track = tracks.of(writer, row);
                writer.open(track, placed.op.begin);
            }
            finish(writer, tracks, row, (&mut running, &mut sum), placed.op.begin);
            let percent = Occupancy::of(&kernel, device).percent;
            sum += percent;
            running.push((Reverse(placed.op.end), percent));
            sample(writer, tracks, row, placed.op.begin, sum.min(100));
        }
        finish(writer, tracks, row, (&mut running, &mut sum), u64::MAX);
    }
}

/// Kernels end.
fn finish(
    writer: &mut Writer<'_>,
    tracks: &mut Tracks<'_>,
    row: Row,
    (running, sum): (&mut BinaryHeap<(Reverse<u64>, u64)>, &mut u64),
    until: u64,
) {
    while let Some(&(Reverse(end), percent)) = running.peek()
        && end <= until
    {
        running.pop();
        *sum -= percent;
        sample(writer, tracks, row, end, (*sum).min(100));
    }
}

fn sample(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, row: Row, at: u64, value: u64) {
    let track = tracks.of(writer, row);
    writer.event(at, event::COUNTER, |event| {
        event.track(track);
        event.value(value);
    });
}
