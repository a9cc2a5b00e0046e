//! What the GPU did, as Kineto writes it: kernels, copies, fills, API calls, and the arrows from calls to what they
//! launched. Waits, overhead and memory are in [`gpu_other`](super::gpu_other).
//!
//! On a device's rows `pid` is the device and `tid` the stream; what overlaps there has rows of its own
//! ([`gpu_rows`](super::gpu_rows)).

use crate::export::events::occupancy::{Occupancy, per_multiprocessor};
use crate::export::events::rows::GpuRow;
use crate::model::{Annotation, Gpu, PlacedCall, PlacedOp, Trace};
use crate::records::gpu::{GpuOp, Work};

use super::event::{Events, push_id, push_key, push_number, push_text, push_times};
use super::gpu_rows::GpuRows;
use super::number::{push_integer, push_micros, push_signed};
use super::prefix_cache::{Place, push_head};
use super::rows::{Row, Rows};
use crate::export::events::api_calls;

/// Writes everything of the GPU.
pub(super) fn write(events: &mut Events<'_>, rows: &mut Rows, trace: &Trace) {
    let Ok(gpu) = &trace.gpu else { return };
    let begin = events.relative(trace.begin);
    let mut writer = Writer { events, rows, trace, gpu, devices: GpuRows::new(begin, trace) };
    // Annotations first: Perfetto shows the first of two slices with the same times around the other.
    for annotation in &gpu.annotations {
        writer.annotation(annotation);
    }
    for op in &gpu.ops {
        writer.op(op);
    }
    for call in &gpu.calls {
        writer.call(call);
    }
    writer.overheads();
    if trace.context.options.cuda_sync_events {
        writer.waits();
    }
    writer.memory();
}

/// Writes the GPU's part.
pub(super) struct Writer<'w, 'a, 'out> {
    pub(super) events: &'w mut Events<'out>,
    rows: &'w mut Rows,
    pub(super) trace: &'a Trace,
    pub(super) gpu: &'a Gpu,
    pub(super) devices: GpuRows<'a>,
}

impl Writer<'_, '_, '_> {
    /// Everything up to `args`.
    fn head(&mut self, category: &str, name: &str, place: Place, (begin, end): (u64, u64)) {
        let at = self.events.relative(begin);
        let out = &mut self.events.page.text;
        push_head(out, category, name, place);
        push_times(out, at, end.saturating_sub(begin));
    }

    /// The same, with the brace of `args`.
    pub(super) fn open(&mut self, category: &str, name: &str, place: Place, times: (u64, u64)) {
        self.head(category, name, place, times);
        self.events.page.text.extend_from_slice(b",\"args\":{");
    }

    fn annotation(&mut self, annotation: &Annotation) {
        let Annotation { name, external_id, device, stream, begin, end, lane, .. } = *annotation;
        let kind = if lane == 0 { GpuRow::Stream(stream, 0) } else { GpuRow::Annotations(stream, lane) };
        let row = self.devices.place(&mut self.events.page, u64::from(device), kind);
        self.head("gpu_user_annotation", name, row, (begin, end));
        push_id(&mut self.events.page.text, external_id);
        self.events.close();
    }

    fn op(&mut self, placed: &PlacedOp) {
        let PlacedOp { op, lane, external_id } = *placed;
        let row = self.op_row(placed.op, lane);
        let category = match op.work {
            Work::Kernel(_) => "kernel",
            Work::Copy { .. } => "gpu_memcpy",
            Work::Fill { .. } => "gpu_memset",
        };
        self.open(category, &self.gpu.name_of(&op.work), row, (op.begin, op.end));
        self.op_args(&op, external_id);
        self.events.close();
    }

    fn op_row(&mut self, op: GpuOp, lane: u32) -> Place {
        self.devices.place(&mut self.events.page, u64::from(op.device), GpuRow::Stream(op.stream, lane))
    }

    fn op_args(&mut self, op: &GpuOp, external_id: u64) {
        let device = self.gpu.devices.get(op.device as usize);
        let out = &mut self.events.page.text;
        out.extend_from_slice(b"\"device\":");
        push_integer(out, u64::from(op.device));
        push_number(out, "context", u64::from(op.context));
        push_number(out, "stream", u64::from(op.stream));
        push_number(out, "correlation", u64::from(op.correlation));
        if external_id > 0 {
            push_number(out, "External id", external_id);
        }
        match op.work {
            Work::Kernel(kernel) => {
                push_number(out, "queued", kernel.queued);
                push_number(out, "registers per thread", u64::from(kernel.registers));
                push_number(out, "shared memory", u64::from(kernel.shared));
                push_three(out, "grid", kernel.grid);
                push_three(out, "block", kernel.block);
                if let Some(device) = device {
                    let (blocks, warps) = per_multiprocessor(&kernel, device);
                    push_float(out, "blocks per SM", blocks);
                    push_float(out, "warps per SM", warps);
                    push_number(out, "est. achieved occupancy %", Occupancy::of(&kernel, device).percent);
                }
                if let Some(priority) = kernel.priority {
                    push_key(out, "priority");
                    push_signed(out, i64::from(priority));
                }
            }
            Work::Copy { bytes, peers, .. } => {
                push_bytes(out, bytes, op.end - op.begin);
                if let Some((from, to)) = peers {
                    push_number(out, "fromDevice", u64::from(from));
                    push_number(out, "toDevice", u64::from(to));
                }
            }
            Work::Fill { bytes, .. } => push_bytes(out, bytes, op.end - op.begin),
        }
        if op.graph != (0, 0) {
            push_number(out, "graph id", u64::from(op.graph.0));
            push_number(out, "graph node id", op.graph.1);
        }
    }

    /// An API call, and the arrow to what it launched.
    fn call(&mut self, placed: &PlacedCall) {
        let PlacedCall { call, external_id, is_inner, launched } = *placed;
        let row = self.thread_row(call.thread);
        let called = self.gpu.name(call.name);
        let shown = api_calls::shown(self.trace.context.options.cuda_api_names, call.api, called, is_inner);
        self.open(shown.category, shown.name.unwrap_or(called), row, (call.begin, call.end));
        let out = &mut self.events.page.text;
        out.extend_from_slice(b"\"cbid\":");
        push_integer(out, u64::from(call.function));
        if shown.name.is_some() {
            push_text(out, "called", called);
        }
        if !is_inner {
            // HTA wants one call for a correlation id.
            push_number(out, "correlation", u64::from(call.correlation));
        }
        if external_id > 0 {
            push_number(out, "External id", external_id);
        }
        self.events.close();
        let target = launched.and_then(|at| self.gpu.ops.get(at));
        if let Some(target) = target.filter(|target| call.begin <= target.op.begin) {
            let op_row = self.op_row(target.op, target.lane);
            self.arrow_end("s", call.correlation, row, call.begin, b"}");
            self.arrow_end("f", call.correlation, op_row, target.op.begin, b",\"bp\":\"e\"}");
        }
    }

    fn arrow_end(&mut self, phase: &str, id: u32, (pid, tid): Place, at: u64, rest: &[u8]) {
        let at = self.events.relative(at);
        let out = &mut self.events.page.text;
        out.extend_from_slice(b"{\"ph\":\"");
        out.extend_from_slice(phase.as_bytes());
        out.extend_from_slice(b"\",\"id\":");
        push_integer(out, u64::from(id));
        out.extend_from_slice(b",\"pid\":");
        push_integer(out, pid);
        out.extend_from_slice(b",\"tid\":");
        push_integer(out, tid);
        out.extend_from_slice(b",\"ts\":");
        push_micros(out, at);
        out.extend_from_slice(b",\"cat\":\"ac2g\",\"name\":\"ac2g\"");
        out.extend_from_slice(rest);
        out.extend_from_slice(b",\n");
        self.events.page.pause();
    }

    /// The row of the ranges of the thread that called.
    pub(super) fn thread_row(&mut self, thread: u32) -> Place {
        let os_id = u64::from(thread);
        let known = self.trace.threads.iter().position(|known| known.identity.os_id == os_id);
        let (row, name) = match known {
            Some(index) => (Row::Thread(index, 0), self.trace.threads[index].identity.name.clone()),
            None => (Row::Caller(thread), format!("thread {thread}")),
        };
        (u64::from(self.events.pid), self.rows.tid(&mut self.events.page, row, Some(os_id), &name))
    }
}

fn push_three(out: &mut Vec<u8>, key: &str, numbers: [u32; 3]) {
    push_key(out, key);
    for (number, before) in numbers.into_iter().zip([b'[', b',', b',']) {
        out.push(before);
        push_integer(out, u64::from(number));
    }
    out.push(b']');
}

/// JSON has no word for what is not finite; nothing here is.
fn push_float(out: &mut Vec<u8>, key: &str, number: f64) {
    push_key(out, key);
    out.extend_from_slice(format!("{number:.6}").as_bytes());
}

fn push_bytes(out: &mut Vec<u8>, bytes: u64, ns: u64) {
    push_number(out, "bytes", bytes);
    if ns > 0 {
        push_float(out, "memory bandwidth (GB/s)", bytes as f64 / ns as f64);
    }
}
