//! Counters: memory, with an event per allocation and release on its thread, and the occupancy of
//! devices.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::export::events::memory::{MemoryChange, walk_cuda, walk_program};
use crate::export::events::occupancy;
use crate::model::{Gpu, Memory, Trace};
use crate::records::gpu::Work;
use profiler_core::memory::Device;

use super::schema::event;
use super::tracks::{Counter, Track, Tracks};
use super::writer::Writer;

/// Writes all counters.
pub(super) fn write(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    if let Some(memory) = &trace.memory {
        write_program_memory(writer, tracks, trace, memory);
    }
    if let Ok(gpu) = &trace.gpu {
        write_cuda_memory(writer, tracks, trace, gpu);
        write_occupancy(writer, tracks, gpu);
    }
}

/// Writes the memory that the program's allocator and its frameworks reported.
fn write_program_memory(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace, memory: &Memory) {
    if memory.devices.is_empty() {
        return;
    }
    let session = tracks.id(writer, Track::Session);
    writer.open(session, trace.begin);
    for each in &memory.devices {
        sample(writer, tracks, Track::Counter(Counter::ProgramMemory(each.device)), trace.begin, each.at_begin);
    }
    walk_program(trace, |row, change| {
        let thread = tracks.id(writer, Track::Row(row));
        let counter = tracks.id(writer, Track::Counter(Counter::ProgramMemory(change.device)));
        write_change(writer, change, thread, counter);
    });
}

/// Writes the memory that CUDA allocated and freed.
fn write_cuda_memory(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace, gpu: &Gpu) {
    let mut is_first = true;
    walk_cuda(trace, gpu, |row, change| {
        let Device::Cuda(device) = change.device else { return };
        let thread = tracks.id(writer, Track::Row(row));
        let counter = tracks.id(writer, Track::Counter(Counter::CudaMemory(u32::from(device))));
        if std::mem::take(&mut is_first) {
            writer.open(thread, change.at);
        }
        write_change(writer, change, thread, counter);
    });
}

/// Writes an allocation or release.
fn write_change(writer: &mut Writer<'_>, change: &MemoryChange, thread: u64, counter: u64) {
    writer.event(change.at, event::INSTANT, |event| {
        event.track(thread);
        event.describe(change);
        event.counter(counter, change.total);
    });
}

/// Writes how full each device is with running kernels: the sum of their occupancies, at most 100.
fn write_occupancy(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, gpu: &Gpu) {
    for (number, device) in (0..).zip(&gpu.devices) {
        let counter = Track::Counter(Counter::Occupancy(number));
        let mut running: BinaryHeap<(Reverse<u64>, u64)> = BinaryHeap::new();
        let mut sum = 0;
        let kernels = gpu.ops.iter().filter(|placed| placed.op.device == number).filter_map(|placed| {
            let Work::Kernel(kernel) = placed.op.work else { return None };
            Some((placed.op.begin, Some((placed.op.end, occupancy::percent(&kernel, device)))))
        });
        let mut is_first = true;
        for (at, started) in kernels.chain([(u64::MAX, None)]) {
            if std::mem::take(&mut is_first) && started.is_some() {
                let track = tracks.id(writer, counter);
                writer.open(track, at);
            }
            while let Some(&(Reverse(end), percent)) = running.peek().filter(|(Reverse(end), _)| *end <= at) {
                running.pop();
                sum -= percent;
                sample(writer, tracks, counter, end, sum.min(100));
            }
            if let Some((end, percent)) = started {
                sum += percent;
                running.push((Reverse(end), percent));
                sample(writer, tracks, counter, at, sum.min(100));
            }
        }
    }
}

fn sample(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, counter: Track, at: u64, value: u64) {
    let track = tracks.id(writer, counter);
    writer.event(at, event::COUNTER, |event| {
        event.track(track);
        event.sample(value);
    });
}
