//! Work of devices: kernels, copies and fills, the spans of ranges around them, waits, and
//! overhead.

use crate::model::{Annotation, Gpu, Placed, PlacedOp};
use crate::records::gpu::{Overhead, Wait, Work};

use super::{Args, Category, Event, GpuRow, Key, Name, OnRow, Row, Value, occupancy};

impl Event for Annotation {
    fn title(&self) -> (Category, Name<'_>) {
        (Category::GpuAnnotation, Name::Shared(self.name.into()))
    }

    fn args(&self, args: &mut impl Args) {
        args.value(Key::ExternalId, self.external_id);
    }
}

impl OnRow for Annotation {
    fn row_and_times(&self) -> (Row, (u64, u64)) {
        let Self { stream, lane, .. } = *self;
        let row = if lane == 0 { GpuRow::Stream(stream, 0) } else { GpuRow::Annotations(stream, lane) };
        (Row::OfDevice(Some(self.device), row), (self.begin, self.end))
    }
}

/// A kernel, copy or fill.
pub(in crate::export) struct Op<'a> {
    pub(in crate::export) gpu: &'a Gpu,
    pub(in crate::export) placed: &'a PlacedOp,
}

impl Op<'_> {
    fn work(&self, args: &mut impl Args) {
        let op = &self.placed.op;
        match op.work {
            Work::Kernel(kernel) => {
                args.value(Key::Queued, kernel.queued);
                args.value(Key::Registers, kernel.registers);
                args.value(Key::SharedMemory, kernel.shared);
                args.list(Key::Grid, kernel.grid.into_iter().map(Value::from));
                args.list(Key::Block, kernel.block.into_iter().map(Value::from));
                if let Some(device) = self.gpu.devices.get(op.device as usize) {
                    let (blocks, warps) = occupancy::per_multiprocessor(&kernel, device);
                    args.value(Key::BlocksPerSm, blocks);
                    args.value(Key::WarpsPerSm, warps);
                    args.value(Key::Occupancy, occupancy::percent(&kernel, device));
                }
                args.some(Key::Priority, kernel.priority);
            }
            Work::Copy { bytes, peers, .. } => {
                self.bytes(args, bytes);
                args.some(Key::FromDevice, peers.map(|(from, _)| from));
                args.some(Key::ToDevice, peers.map(|(_, to)| to));
            }
            Work::Fill { bytes, .. } => self.bytes(args, bytes),
        }
    }

    fn bytes(&self, args: &mut impl Args, bytes: u64) {
        args.value(Key::Bytes, bytes);
        let ns = self.placed.op.end - self.placed.op.begin;
        args.some(Key::MemoryBandwidth, (ns > 0).then(|| bytes as f64 / ns as f64));
    }
}

impl Event for Op<'_> {
    fn title(&self) -> (Category, Name<'_>) {
        let work = &self.placed.op.work;
        let category = match work {
            Work::Kernel(kernel) => return (Category::Kernel, Name::Gpu(kernel.name, self.gpu.name(kernel.name))),
            Work::Copy { .. } => Category::Copy,
            Work::Fill { .. } => Category::Fill,
        };
        (category, Name::Shared(self.gpu.name_of(work)))
    }

    fn args(&self, args: &mut impl Args) {
        let PlacedOp { op, external_id, .. } = self.placed;
        args.value(Key::Device, op.device);
        args.value(Key::Context, op.context);
        args.value(Key::Stream, op.stream);
        args.value(Key::Correlation, op.correlation);
        args.some(Key::ExternalId, Some(*external_id).filter(|id| *id > 0));
        self.work(args);
        if op.graph != (0, 0) {
            args.value(Key::GraphId, op.graph.0);
            args.value(Key::GraphNode, op.graph.1);
        }
    }
}

impl OnRow for Op<'_> {
    fn row_and_times(&self) -> (Row, (u64, u64)) {
        let PlacedOp { op, lane, .. } = self.placed;
        (Row::OfDevice(Some(op.device), GpuRow::Stream(op.stream, *lane)), (op.begin, op.end))
    }
}

impl Event for Placed<Overhead> {
    fn title(&self) -> (Category, Name<'_>) {
        (Category::Overhead, Name::Shared(self.record.kind.name().into()))
    }

    fn args(&self, args: &mut impl Args) {
        args.value(Key::Overhead, self.record.code);
    }
}

impl OnRow for Placed<Overhead> {
    fn row_and_times(&self) -> (Row, (u64, u64)) {
        (Row::OfDevice(None, GpuRow::Overhead(self.lane)), (self.record.begin, self.record.end))
    }
}

/// A wait of the host or of a stream.
pub(in crate::export) struct WaitEvent<'a> {
    gpu: &'a Gpu,
    wait: &'a Wait,
    lane: u32,
    device: u32,
    /// `External id` of the calling range.
    caller: Option<u64>,
}

impl<'a> WaitEvent<'a> {
    /// Returns the waits of a recording.
    pub(in crate::export) fn all(gpu: &'a Gpu) -> impl Iterator<Item = Self> {
        let (devices, callers) = (gpu.devices_of_contexts(), gpu.callers());
        gpu.syncs.iter().map(move |Placed { record: wait, lane }| Self {
            gpu,
            wait,
            lane: *lane,
            device: devices.get(&wait.context).copied().unwrap_or(0),
            caller: callers.get(&wait.correlation).copied(),
        })
    }
}

impl Event for WaitEvent<'_> {
    fn title(&self) -> (Category, Name<'_>) {
        (Category::Wait, Name::Shared(self.wait.kind.name().into()))
    }

    fn args(&self, args: &mut impl Args) {
        let Wait { kind, correlation, context, stream, event, .. } = *self.wait;
        args.value(Key::SyncKind, kind.name());
        args.value(Key::Stream, stream.map_or(-1, i64::from));
        args.value(Key::Correlation, correlation);
        args.value(Key::Device, self.device);
        args.value(Key::Context, context);
        args.some(Key::ExternalId, self.caller);
        let awaited = self.gpu.events.awaited(self.wait);
        args.some(Key::WaitStream, awaited.map(|record| record.stream));
        args.some(Key::WaitRecord, awaited.map(|record| record.correlation));
        args.some(Key::WaitEvent, kind.is_for_event().then_some(event));
    }
}

impl OnRow for WaitEvent<'_> {
    fn row_and_times(&self) -> (Row, (u64, u64)) {
        let row = GpuRow::Waits(self.wait.stream, self.lane);
        (Row::OfDevice(Some(self.device), row), (self.wait.begin, self.wait.end))
    }
}
