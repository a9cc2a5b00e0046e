//! Rows of the file: assigns each a `pid` and `tid`, and writes their names.
//!
//! Slices of one row must nest, so a `tid` is never shared: neither by a thread and a lane of async
//! ranges, nor by two threads of which the second reused the id of the first. For rows of devices,
//! `pid` is the device and `tid` the stream; rows for overlapping work get synthetic `tid`s.

use std::collections::{HashMap, HashSet};

use crate::export::events::{GpuRow, Row, processes};
use crate::export::trace::buffer::Page;
use crate::model::Trace;

use super::escape::push_string;
use super::number::{push_integer, push_micros};
use super::text_cache::RowId;

/// First synthetic `tid`: above all thread ids of Linux (at most 2^22).
const FIRST_SYNTHETIC: u64 = 5_000_000;
/// First `tid` of a device's rows that are not streams. Kineto's own extra rows are
/// `stream + 1,000,000`.
const FIRST_ON_DEVICE: u64 = 10_000_000;
/// Sort index of device 0, after all processes.
const DEVICE_SORT: u64 = 5_000_000;
/// Kineto's sort index of overhead.
const OVERHEAD_SORT: u64 = 268_435_466;

/// Rows that have been introduced.
pub(super) struct Rows<'a> {
    trace: &'a Trace,
    pid: u64,
    /// `ts` of metadata, in nanoseconds since the trace's base.
    begin: u64,
    row_ids: HashMap<Row, RowId>,
    devices: HashSet<Option<u32>>,
    next_on_device: u64,
    taken: HashSet<u64>,
    /// Next synthetic `tid`, unless it is taken.
    next: u64,
    /// Lanes of async ranges, as runs with consecutive `tid`s: the first lane of each run, and that
    /// lane's `tid`.
    lanes: Vec<(u32, u64)>,
    /// Number of introduced lanes.
    lane_count: u32,
}

impl<'a> Rows<'a> {
    /// Creates an empty set of rows. `begin` is the `ts` of metadata, in nanoseconds since the
    /// trace's base.
    pub(super) fn new(trace: &'a Trace, begin: u64) -> Self {
        Self {
            trace,
            pid: trace.shown_pid().into(),
            begin,
            row_ids: HashMap::new(),
            devices: HashSet::new(),
            next_on_device: FIRST_ON_DEVICE + 1,
            taken: HashSet::new(),
            next: FIRST_SYNTHETIC,
            lanes: Vec::new(),
            lane_count: 0,
        }
    }

    /// Returns the id of a row, introducing the row on first use.
    pub(super) fn row_id(&mut self, page: &mut Page<'_>, row: Row) -> RowId {
        if let Some(&row_id) = self.row_ids.get(&row) {
            return row_id;
        }
        let (row_id, sort) = match row {
            Row::OfDevice(device, row) => (self.device_row_id(page, device, row), row.sort_index()),
            _ => {
                let tid = self.take(match row {
                    Row::Thread(index, 0) => Some(self.trace.threads[index].identity.os_id),
                    Row::Caller(os_id) => Some(os_id.into()),
                    _ => None,
                });
                ((self.pid, tid), tid)
            }
        };
        self.row_ids.insert(row, row_id);
        self.introduce(page, row_id, ("thread", &row.name(self.trace), None), sort);
        row_id
    }

    fn device_row_id(&mut self, page: &mut Page<'_>, device: Option<u32>, row: GpuRow) -> RowId {
        let pid = device.map_or(processes::OVERHEAD, u64::from);
        if self.devices.insert(device) {
            let label = device.map_or(String::new(), |device| format!("GPU {device}"));
            let sort = device.map_or(OVERHEAD_SORT, |device| DEVICE_SORT + u64::from(device));
            let name = processes::device_name(self.trace, device);
            self.introduce(page, (pid, 0), ("process", &name, Some(&label)), sort);
        }
        match row {
            GpuRow::Stream(stream, 0) => (pid, stream.into()),
            GpuRow::Overhead(0) => (pid, 0),
            _ => {
                self.next_on_device += 1;
                (pid, self.next_on_device - 1)
            }
        }
    }

    /// Returns the row id of a lane of async ranges, starting at 1. Lanes come in order. There may
    /// be as many as ranges, so lanes with consecutive `tid`s share one entry.
    pub(super) fn lane(&mut self, page: &mut Page<'_>, lane: u32) -> RowId {
        if lane <= self.lane_count {
            let run = self.lanes.partition_point(|(first, _)| *first <= lane).saturating_sub(1);
            let (first, tid) = self.lanes[run];
            return (self.pid, tid + u64::from(lane - first));
        }
        let tid = self.next_synthetic();
        let continues_run =
            self.lanes.last().is_some_and(|(first, first_tid)| first_tid + u64::from(lane - first) == tid);
        if !continues_run {
            self.lanes.push((lane, tid));
        }
        self.lane_count = lane;
        self.introduce(page, (self.pid, tid), ("thread", &format!("async lane {lane}"), None), tid);
        (self.pid, tid)
    }

    /// Takes the preferred `tid` if it is free, otherwise a synthetic one.
    fn take(&mut self, preferred: Option<u64>) -> u64 {
        let tid = preferred.filter(|tid| self.is_free(*tid)).inspect(|tid| _ = self.taken.insert(*tid));
        tid.unwrap_or_else(|| self.next_synthetic())
    }

    fn next_synthetic(&mut self) -> u64 {
        while self.taken.contains(&self.next) {
            self.next += 1;
        }
        self.next += 1;
        self.next - 1
    }

    fn is_free(&self, tid: u64) -> bool {
        tid > 0 && !self.taken.contains(&tid) && !(FIRST_SYNTHETIC..self.next).contains(&tid)
    }

    /// Writes the name, label and sort index that viewers show for a process or row.
    pub(super) fn introduce(
        &self,
        page: &mut Page<'_>,
        place: RowId,
        (what, name, label): (&str, &str, Option<&str>),
        sort: u64,
    ) {
        self.push(page, place, (what, "name"), |out| push_string(out, name));
        if let Some(label) = label {
            self.push(page, place, (what, "labels"), |out| push_string(out, label));
        }
        self.push(page, place, (what, "sort_index"), |out| push_integer(out, sort));
    }

    fn push(&self, page: &mut Page<'_>, place: RowId, (what, key): (&str, &str), value: impl FnOnce(&mut Vec<u8>)) {
        let (out, (pid, tid)) = (&mut page.text, place);
        for part in ["{\"ph\":\"M\",\"name\":\"", what, "_", key, "\",\"ts\":"] {
            out.extend_from_slice(part.as_bytes());
        }
        push_micros(out, self.begin);
        out.extend_from_slice(b",\"pid\":");
        push_integer(out, pid);
        out.extend_from_slice(b",\"tid\":");
        push_integer(out, tid);
        for part in [",\"args\":{\"", key, "\":"] {
            out.extend_from_slice(part.as_bytes());
        }
        value(out);
        out.extend_from_slice(b"}},\n");
        page.flush_if_full();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::Script;

    #[test]
    fn no_two_rows_share_a_tid() {
        let mut script = Script::new();
        script.thread("main");
        let trace = Trace::build(script.finish());
        let mut sink = Vec::new();
        let mut page = Page::new(&mut sink);
        let mut rows = Rows::new(&trace, 0);
        let wanted = [Some(70), Some(70), Some(FIRST_SYNTHETIC + 1), None, None, Some(0)];
        let tids = wanted.map(|wanted| rows.take(wanted));
        assert_eq!(tids[0], 70);
        assert_eq!(HashSet::from(tids).len(), tids.len());
        let caller = rows.row_id(&mut page, Row::Caller(70));
        assert!(!tids.contains(&caller.1));
        assert_eq!(rows.row_id(&mut page, Row::Caller(70)), caller, "a known row keeps its id");
        let above = FIRST_SYNTHETIC + 8;
        let one = rows.lane(&mut page, 1).1;
        let taken = rows.take(Some(above));
        let lanes = [2, 3, 4].map(|lane| rows.lane(&mut page, lane).1);
        assert_eq!((above, lanes), (taken, [one + 1, taken + 1, taken + 2]));
        assert_eq!([1, 2, 3, 4].map(|lane| rows.lane(&mut page, lane).1), [one, one + 1, taken + 1, taken + 2]);
    }
}
