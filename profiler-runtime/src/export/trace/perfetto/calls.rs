//! The CUDA API calls of a thread, between its ranges: they are slices of the same track, so begins and ends of both have
//! to be in order.

use crate::collect::gpu::Api;
use crate::model::{Gpu, PlacedCall, Trace};

use super::gpu::flow_id;
use super::keys::{Category, Key};
use super::open::Open;
use super::schema::event;
use super::tracks::{Row, Tracks};
use super::writer::Writer;

/// The calls that have not been written yet.
pub(super) struct Calls<'a> {
    trace: &'a Trace,
    left: &'a [PlacedCall],
    open: Open,
}

impl<'a> Calls<'a> {
    /// Those of the thread with this id; none if the GPU was not recorded.
    pub(super) fn of(trace: &'a Trace, os_id: u64) -> Self {
        let calls = trace.gpu.as_ref().map_or(&[][..], |gpu| &gpu.calls);
        let from = calls.partition_point(|placed| u64::from(placed.call.thread) < os_id);
        let to = calls.partition_point(|placed| u64::from(placed.call.thread) <= os_id);
        Self { trace, left: &calls[from..to], open: Open::default() }
    }

    /// None at all.
    pub(super) fn none(trace: &'a Trace) -> Self {
        Self { trace, left: &[], open: Open::default() }
    }

    /// When the first one begins.
    pub(super) fn begin(&self) -> u64 {
        self.left.first().map_or(u64::MAX, |placed| placed.call.begin)
    }

    /// Writes what comes before a range that begins or ends at `at`. No call encloses a range: one that begins at the same
    /// time comes after it, one that ends at the same time before it.
    #[inline]
    pub(super) fn until(&mut self, writer: &mut Writer<'_>, at: u64) {
        while let Some((placed, rest)) = self.left.split_first()
            && placed.call.begin < at
        {
            self.left = rest;
            self.open.end_until(writer, placed.call.begin);
            if let Ok(gpu) = &self.trace.gpu {
                write(writer, self.trace, gpu, placed);
            }
            self.open.begin(placed.call.end, 0);
        }
        self.open.end_until(writer, at);
    }
}

/// Writes the calls of threads without ranges.
pub(super) fn write_others(writer: &mut Writer<'_>, tracks: &mut Tracks<'_>, trace: &Trace) {
    let calls = trace.gpu.as_ref().map_or(&[][..], |gpu| &gpu.calls);
    for of_thread in calls.chunk_by(|one, other| one.call.thread == other.call.thread) {
        let Some(first) = of_thread.first() else { continue };
        let os_id = first.call.thread;
        if trace.threads.iter().all(|known| known.identity.os_id != u64::from(os_id)) {
            let track = tracks.of(writer, Row::Caller(os_id));
            writer.open(track, first.call.begin);
            Calls::of(trace, os_id.into()).until(writer, u64::MAX);
        }
    }
}

fn write(writer: &mut Writer<'_>, trace: &Trace, gpu: &Gpu, placed: &PlacedCall) {
    let PlacedCall { call, external_id, is_inner, launched } = *placed;
    writer.event(call.begin, event::BEGIN, |event| {
        event.category(match call.api {
            Api::Driver => Category::Driver,
            Api::Runtime => Category::Runtime,
        });
        event.gpu_name(call.name, gpu.names.get(call.name as usize).map_or("", String::as_str));
        event.number(Key::Cbid, call.function.into());
        if !is_inner {
            event.number(Key::Correlation, call.correlation.into());
        }
        if external_id > 0 {
            event.number(Key::ExternalId, external_id);
        }
        if launched.is_some() {
            event.flow(flow_id(trace, call.correlation));
        }
    });
}
