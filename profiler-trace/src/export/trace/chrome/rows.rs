//! Rows: the `pid` and `tid` that everything is shown under, and the names of rows.
//!
//! Slices of one row must nest, so no two things share a `tid`: not a thread and a lane of async
//! ranges, and not two threads of which the second got the id of the first, which had ended. On a
//! device's rows `pid` is the device and `tid` the stream; what overlaps there has a made-up `tid`.

use std::collections::{HashMap, HashSet};

use crate::export::events::{GpuRow, Row, processes};
use crate::export::trace::buffer::Page;
use crate::model::Trace;

use super::escape::push_string;
use super::number::{push_integer, push_micros};
use super::prefix_cache::Place;

/// First `tid` of rows without a thread: above every thread id of Linux (at most 2^22).
const FIRST_MADE_UP: u64 = 5_000_000;
/// First `tid` of a device's rows that are not streams. Kineto's own extra rows are
/// `stream + 1,000,000`.
const FIRST_ON_DEVICE: u64 = 10_000_000;
/// Sort index of device 0, behind every process.
const DEVICE_SORT: u64 = 5_000_000;
/// Kineto's sort index of overhead.
const OVERHEAD_SORT: u64 = 268_435_466;

/// The rows in use.
pub(super) struct Rows<'a> {
    trace: &'a Trace,
    pid: u64,
    /// The `ts` of metadata, in nanoseconds since the trace's base.
    begin: u64,
    known: HashMap<Row, Place>,
    devices: HashSet<Option<u32>>,
    next_on_device: u64,
    taken: HashSet<u64>,
    /// Next made-up `tid`, unless it is taken.
    next: u64,
    /// Known lanes of async ranges: the first of each group with neighbouring `tid`s, and that
    /// lane's `tid`.
    lanes: Vec<(u32, u64)>,
    /// Number of lanes that are known.
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
            known: HashMap::new(),
            devices: HashSet::new(),
            next_on_device: FIRST_ON_DEVICE + 1,
            taken: HashSet::new(),
            next: FIRST_MADE_UP,
            lanes: Vec::new(),
            lane_count: 0,
        }
    }

    /// Returns the place of a row, and introduces the row if it is new.
    pub(super) fn place(&mut self, page: &mut Page<'_>, row: Row) -> Place {
        if let Some(&place) = self.known.get(&row) {
            return place;
        }
        let (place, sort) = match row {
            Row::OfDevice(device, row) => (self.place_on_device(page, device, row), row.sort_index()),
            _ => {
                let tid = self.take(match row {
                    Row::Thread(index, 0) => Some(self.trace.threads[index].identity.os_id),
                    Row::Caller(os_id) => Some(os_id.into()),
                    _ => None,
                });
                ((self.pid, tid), tid)
            }
        };
        self.known.insert(row, place);
        self.introduce(page, place, ("thread", &row.name(self.trace), None), sort);
        place
    }

    fn place_on_device(&mut self, page: &mut Page<'_>, device: Option<u32>, row: GpuRow) -> Place {
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

    /// Returns the place of a lane of async ranges, from 1. There may be as many as ranges: those
    /// with neighbouring `tid`s are known together. They come in order.
    pub(super) fn lane(&mut self, page: &mut Page<'_>, lane: u32) -> Place {
        if lane <= self.lane_count {
            let run = self.lanes.partition_point(|(first, _)| *first <= lane).saturating_sub(1);
            let (first, tid) = self.lanes[run];
            return (self.pid, tid + u64::from(lane - first));
        }
        let tid = self.make_up();
        let follows = self.lanes.last().is_some_and(|(first, of_first)| of_first + u64::from(lane - first) == tid);
        if !follows {
            self.lanes.push((lane, tid));
        }
        self.lane_count = lane;
        self.introduce(page, (self.pid, tid), ("thread", &format!("async lane {lane}"), None), tid);
        (self.pid, tid)
    }

    /// Takes the wanted `tid`, if nothing else has it.
    fn take(&mut self, wanted: Option<u64>) -> u64 {
        let tid = wanted.filter(|tid| self.is_free(*tid)).inspect(|tid| _ = self.taken.insert(*tid));
        tid.unwrap_or_else(|| self.make_up())
    }

    fn make_up(&mut self) -> u64 {
        while self.taken.contains(&self.next) {
            self.next += 1;
        }
        self.next += 1;
        self.next - 1
    }

    fn is_free(&self, tid: u64) -> bool {
        tid > 0 && !self.taken.contains(&tid) && !(FIRST_MADE_UP..self.next).contains(&tid)
    }

    /// Appends the label that a viewer shows beside a process or a row, and its sort index.
    pub(super) fn introduce(
        &self,
        page: &mut Page<'_>,
        place: Place,
        (what, name, label): (&str, &str, Option<&str>),
        sort: u64,
    ) {
        self.push(page, place, (what, "name"), |out| push_string(out, name));
        if let Some(label) = label {
            self.push(page, place, (what, "labels"), |out| push_string(out, label));
        }
        self.push(page, place, (what, "sort_index"), |out| push_integer(out, sort));
    }

    fn push(&self, page: &mut Page<'_>, place: Place, (what, key): (&str, &str), value: impl FnOnce(&mut Vec<u8>)) {
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
        page.pause();
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
        let wanted = [Some(70), Some(70), Some(FIRST_MADE_UP + 1), None, None, Some(0)];
        let tids = wanted.map(|wanted| rows.take(wanted));
        assert_eq!(tids[0], 70);
        assert_eq!(HashSet::from(tids).len(), tids.len());
        let caller = rows.place(&mut page, Row::Caller(70));
        assert!(!tids.contains(&caller.1));
        assert_eq!(rows.place(&mut page, Row::Caller(70)), caller, "a known row keeps its id");
        let above = FIRST_MADE_UP + 8;
        let one = rows.lane(&mut page, 1).1;
        let taken = rows.take(Some(above));
        let lanes = [2, 3, 4].map(|lane| rows.lane(&mut page, lane).1);
        assert_eq!((above, lanes), (taken, [one + 1, taken + 1, taken + 2]));
        assert_eq!([1, 2, 3, 4].map(|lane| rows.lane(&mut page, lane).1), [one, one + 1, taken + 1, taken + 2]);
    }
}
