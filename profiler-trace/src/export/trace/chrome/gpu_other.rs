//! What stands beside the GPU's work: waits for it, overhead, and its memory.

use crate::export::events::memory::walk_taken;
use crate::export::events::rows::GpuRow;
use crate::model::Placed;
use crate::records::gpu::Wait;

use super::event::{push_key, push_number};
use super::gpu::Writer;
use super::memory::push_event;
use super::number::{push_integer, push_signed};
use crate::export::events::processes;

impl Writer<'_, '_, '_> {
    /// What CUDA and the profiler spent on themselves.
    pub(super) fn overheads(&mut self) {
        for Placed { record: each, lane } in &self.gpu.overheads {
            let row = self.devices.place(&mut self.events.page, processes::OVERHEAD, GpuRow::Overhead(*lane));
            self.open("overhead", each.kind.name(), row, (each.begin, each.end));
            let out = &mut self.events.page.text;
            out.extend_from_slice(b"\"overhead\":");
            push_integer(out, u64::from(each.code));
            self.events.close();
        }
    }

    pub(super) fn waits(&mut self) {
        let devices = self.gpu.devices_of_contexts();
        let callers = self.gpu.callers();
        for Placed { record: wait, lane } in &self.gpu.syncs {
            let Wait { kind, begin, end, correlation, context, stream, event } = *wait;
            let device = devices.get(&context).copied().unwrap_or(0);
            let row = self.devices.place(&mut self.events.page, u64::from(device), GpuRow::Waits(stream, *lane));
            self.open("cuda_sync", kind.name(), row, (begin, end));
            let out = &mut self.events.page.text;
            out.extend_from_slice(b"\"cuda_sync_kind\":\"");
            out.extend_from_slice(kind.name().as_bytes());
            out.push(b'"');
            push_key(out, "stream");
            push_signed(out, stream.map_or(-1, i64::from));
            push_number(out, "correlation", u64::from(correlation));
            push_number(out, "device", u64::from(device));
            push_number(out, "context", u64::from(context));
            if let Some(external_id) = callers.get(&correlation) {
                push_number(out, "External id", *external_id);
            }
            if let Some(record) = self.gpu.events.awaited(wait) {
                push_number(out, "wait_on_stream", u64::from(record.stream));
                push_number(out, "wait_on_cuda_event_record_corr_id", u64::from(record.correlation));
            }
            if kind.is_for_event() {
                push_number(out, "wait_on_cuda_event_id", u64::from(event));
            }
            self.events.close();
        }
    }

    /// Device memory, with the sum of what was taken since the recording began.
    pub(super) fn memory(&mut self) {
        walk_taken(self.trace, self.gpu, |thread, change| {
            let row = self.thread_row(thread);
            push_event(self.events, row, change);
        });
    }
}
