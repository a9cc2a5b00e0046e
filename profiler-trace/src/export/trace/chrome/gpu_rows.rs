//! The rows of devices: `pid` is the device, `tid` the stream; made-up `tid`s for what overlaps on one.

use std::collections::{HashMap, HashSet};

use crate::export::events::processes;
use crate::export::events::rows::GpuRow;
use crate::export::trace::buffer::Page;
use crate::model::Trace;

use super::escape::push_string;
use super::number::push_integer;
use super::rows::push_metadata;

/// Where rows that are no stream's begin. Kineto's own extra rows are `stream + 1,000,000`.
const FIRST_MADE_UP: u64 = 10_000_000;
/// Sort index of device 0, behind every process.
const DEVICE_SORT: u64 = 5_000_000;
/// Kineto's sort index of overhead.
const OVERHEAD_SORT: u64 = 268_435_466;

/// The rows in use.
pub(super) struct GpuRows<'a> {
    begin: u64,
    trace: &'a Trace,
    known: HashMap<(u64, GpuRow), u64>,
    introduced: HashSet<u64>,
    next: u64,
}

impl<'a> GpuRows<'a> {
    /// No rows yet; `begin` is the `ts` of metadata.
    pub(super) fn new(begin: u64, trace: &'a Trace) -> Self {
        Self { begin, trace, known: HashMap::new(), introduced: HashSet::new(), next: FIRST_MADE_UP }
    }

    /// `pid` and `tid` of a row, which is introduced when it is new.
    pub(super) fn place(&mut self, page: &mut Page<'_>, pid: u64, row: GpuRow) -> (u64, u64) {
        if let Some(&tid) = self.known.get(&(pid, row)) {
            return (pid, tid);
        }
        if self.introduced.insert(pid) {
            self.introduce(page, pid);
        }
        let tid = match row {
            GpuRow::Stream(stream, 0) => u64::from(stream),
            GpuRow::Overhead(0) => 0,
            _ => {
                self.next += 1;
                self.next
            }
        };
        self.known.insert((pid, row), tid);
        push_metadata(page, (pid, tid), self.begin, "thread_name", |out| {
            out.extend_from_slice(b"\"name\":");
            push_string(out, &row.name());
        });
        push_metadata(page, (pid, tid), self.begin, "thread_sort_index", |out| {
            out.extend_from_slice(b"\"sort_index\":");
            push_integer(out, row.sort_index());
        });
        (pid, tid)
    }

    fn introduce(&self, page: &mut Page<'_>, pid: u64) {
        // CAST: the number of a device is a `u32`.
        let device = (pid != processes::OVERHEAD).then_some(pid as u32);
        let name = processes::device_name(self.trace, device);
        let (label, sort) = match device {
            Some(device) => (format!("GPU {device}"), DEVICE_SORT + pid),
            None => (String::new(), OVERHEAD_SORT),
        };
        push_metadata(page, (pid, 0), self.begin, "process_name", |out| {
            out.extend_from_slice(b"\"name\":");
            push_string(out, &name);
        });
        push_metadata(page, (pid, 0), self.begin, "process_labels", |out| {
            out.extend_from_slice(b"\"labels\":");
            push_string(out, &label);
        });
        push_metadata(page, (pid, 0), self.begin, "process_sort_index", |out| {
            out.extend_from_slice(b"\"sort_index\":");
            push_integer(out, sort);
        });
    }
}
