//! What rises and falls: memory, with an event for every allocation and release on its thread, and the occupancy of
//! devices.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::collect::gpu::Work;
use crate::export::gpu_memory;
use crate::export::occupancy::Occupancy;
use crate::model::{Gpu, Memory, Moment, Trace};
use crate::record::{Action, Device};

use super::keys::{Category, Key};
use super::schema::event;
use super::tracks::{Counter, Row, Tracks};
use super::writer::Writer;

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
    Row::Counter(match device {
        Device::Cpu => Counter::HostMemory,
        Device::Cuda(index) => Counter::DeviceMemory(index),
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
    let mut totals = memory.totals();
    trace.walk_memory(|_, moment| {
        let Moment::Allocation { thread, allocation } = moment else { return };
        let thread = tracks.of(writer, Row::Thread(*thread));
        let (device, total) = (allocation.device, totals.after(allocation));
        let counter = tracks.of(writer, counter_of(device));
        let mut push = |action: Action, (address, bytes): (u64, u64), total: u64| {
            let (id, kind) = match device {
                Device::Cpu => (-1, 0),
                Device::Cuda(index) => (i64::from(index), 1),
            };
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            let change = MemoryEvent {
                failed: action == Action::OutOfMemory,
                device: (id, kind),
                bytes: if action == Action::Free { -bytes } else { bytes },
                address,
                total,
            };
            change.write(writer, allocation.at, thread, counter);
        };
        let block = (allocation.address, allocation.bytes);
        match allocation.action {
            Action::MovedFrom => {}
            Action::MovedTo => {
                push(Action::Free, allocation.before, total.saturating_sub(allocation.bytes));
                push(Action::Alloc, block, total);
            }
            action => push(action, block, total),
        }
    });
}

/// What CUDA gave and took back.
fn write_taken(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace, gpu: &Gpu) {
    let mut is_first = true;
    gpu_memory::walk(trace, gpu, |change| {
        let thread = tracks.of_caller(writer, change.thread);
        let counter = tracks.of(writer, Row::Counter(Counter::CudaMemory(change.device)));
        if std::mem::take(&mut is_first) {
            writer.open(thread, change.at);
        }
        let device = (i64::from(change.device), 1);
        let (bytes, address, total) = (change.bytes, change.address, change.total);
        MemoryEvent { failed: false, device, bytes, address, total }.write(writer, change.at, thread, counter);
    });
}

/// An allocation or release.
struct MemoryEvent {
    failed: bool,
    /// PyTorch's numbers: id and type.
    device: (i64, u64),
    bytes: i64,
    address: u64,
    total: u64,
}

impl MemoryEvent {
    fn write(&self, writer: &mut Writer<'_>, at: u64, thread: u64, counter: u64) {
        writer.event(at, event::INSTANT, |event| {
            event.track(thread);
            event.category(Category::Instant);
            event.name(if self.failed { "[OutOfMemory]" } else { "[memory]" });
            event.number(Key::TotalReserved, 0);
            event.number(Key::TotalAllocated, self.total);
            event.signed(Key::DeviceId, self.device.0);
            event.number(Key::DeviceType, self.device.1);
            event.signed(Key::BytesChanged, self.bytes);
            if !self.failed {
                event.number(Key::Addr, self.address);
            }
            event.counter(counter, self.total);
        });
    }
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
