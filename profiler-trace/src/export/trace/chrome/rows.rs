//! Rows: which `tid` everything is shown under, and what the row is called.
//!
//! Slices of one row must nest, so no two things share a `tid`: not a thread and a lane of async ranges, and not two threads
//! of which the second got the id of the first, which had ended.

use std::collections::{HashMap, HashSet};

use crate::export::trace::buffer::Page;

use super::escape::push_string;
use super::number::{push_integer, push_micros};

/// Where rows without a thread begin: above every thread id of Linux (at most 2^22).
const FIRST_MADE_UP: u64 = 5_000_000;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Row {
    /// A thread, by its place in the trace; with the lane for guards that outlived the range around them, or 0.
    Thread(usize, u32),
    /// A thread without ranges that called CUDA, by the operating system's id.
    Caller(u32),
    /// The iterations between bare `step()` calls.
    Steps,
}

/// The rows in use.
pub(super) struct Rows {
    pid: u64,
    begin: u64,
    known: HashMap<Row, u64>,
    taken: HashSet<u64>,
    /// The next that is made up, unless it is taken.
    next: u64,
    /// Lanes of async ranges that are known: the first.. of which have neighbouring `tid`s, and the first of these.
    lanes: Vec<(u32, u64)>,
    /// How many lanes are known.
    lane_count: u32,
}

impl Rows {
    /// No rows yet. `begin` is the `ts` of metadata, in nanoseconds since the trace's base.
    pub(super) fn new(pid: u32, begin: u64) -> Self {
        let (known, taken, lanes) = (HashMap::new(), HashSet::new(), Vec::new());
        Self { pid: u64::from(pid), begin, known, taken, next: FIRST_MADE_UP, lanes, lane_count: 0 }
    }

    /// The row's `tid`. A row that is new gets `wanted` if nothing else has it, and is introduced with its `name`.
    pub(super) fn tid(&mut self, page: &mut Page<'_>, row: Row, wanted: Option<u64>, name: &str) -> u64 {
        if let Some(&tid) = self.known.get(&row) {
            return tid;
        }
        let tid = wanted.filter(|tid| self.is_free(*tid)).inspect(|tid| _ = self.taken.insert(*tid));
        let tid = tid.unwrap_or_else(|| self.make_up());
        self.known.insert(row, tid);
        self.introduce_row(page, tid, name);
        tid
    }

    /// The same of a lane of async ranges, from 1. There may be as many as ranges: those with neighbouring `tid`s are known
    /// together. They come in order.
    pub(super) fn lane(&mut self, page: &mut Page<'_>, lane: u32) -> u64 {
        if lane <= self.lane_count {
            let run = self.lanes.partition_point(|(first, _)| *first <= lane).saturating_sub(1);
            let (first, tid) = self.lanes[run];
            return tid + u64::from(lane - first);
        }
        let tid = self.make_up();
        let follows = self.lanes.last().is_some_and(|(first, of_first)| of_first + u64::from(lane - first) == tid);
        if !follows {
            self.lanes.push((lane, tid));
        }
        self.lane_count = lane;
        self.introduce_row(page, tid, &format!("async lane {lane}"));
        tid
    }

    fn introduce_row(&self, page: &mut Page<'_>, tid: u64, name: &str) {
        self.introduce(page, "thread_name", tid, |out| {
            out.extend_from_slice(b"\"name\":");
            push_string(out, name);
        });
        self.introduce(page, "thread_sort_index", tid, |out| {
            out.extend_from_slice(b"\"sort_index\":");
            push_integer(out, tid);
        });
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

    /// Says what the process is.
    pub(super) fn introduce_process(&self, page: &mut Page<'_>, name: &str) {
        self.introduce(page, "process_name", 0, |out| {
            out.extend_from_slice(b"\"name\":");
            push_string(out, name);
        });
        self.introduce(page, "process_labels", 0, |out| out.extend_from_slice(b"\"labels\":\"CPU\""));
        self.introduce(page, "process_sort_index", 0, |out| {
            out.extend_from_slice(b"\"sort_index\":");
            push_integer(out, self.pid);
        });
    }

    fn introduce(&self, page: &mut Page<'_>, what: &str, tid: u64, args: impl FnOnce(&mut Vec<u8>)) {
        push_metadata(page, (self.pid, tid), self.begin, what, args);
    }
}

/// Appends what a viewer shows beside a row; `begin` is the `ts`, in nanoseconds since the trace's base.
pub(super) fn push_metadata(
    page: &mut Page<'_>,
    (pid, tid): (u64, u64),
    begin: u64,
    what: &str,
    args: impl FnOnce(&mut Vec<u8>),
) {
    let out = &mut page.text;
    out.extend_from_slice(b"{\"ph\":\"M\",\"name\":\"");
    out.extend_from_slice(what.as_bytes());
    out.extend_from_slice(b"\",\"ts\":");
    push_micros(out, begin);
    out.extend_from_slice(b",\"pid\":");
    push_integer(out, pid);
    out.extend_from_slice(b",\"tid\":");
    push_integer(out, tid);
    out.extend_from_slice(b",\"args\":{");
    args(out);
    out.extend_from_slice(b"}},\n");
    page.pause();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_share_a_tid() {
        let mut sink = Vec::new();
        let mut page = Page::new(&mut sink);
        let mut rows = Rows::new(7, 0);
        let tids = [
            (Row::Thread(0, 0), Some(70)),
            (Row::Thread(1, 0), Some(70)),
            (Row::Thread(2, 0), Some(FIRST_MADE_UP + 1)),
            (Row::Caller(1), None),
            (Row::Steps, None),
            (Row::Thread(3, 0), Some(0)),
        ]
        .map(|(row, wanted)| rows.tid(&mut page, row, wanted, "row"));
        assert_eq!(tids[0], 70);
        assert_eq!(HashSet::from(tids).len(), tids.len());
        assert_eq!(rows.tid(&mut page, Row::Caller(1), None, "row"), tids[3], "a known row keeps its id");
        let above = Some(FIRST_MADE_UP + 7);
        let one = rows.lane(&mut page, 1);
        let taken = rows.tid(&mut page, Row::Thread(4, 0), above, "row");
        let lanes = [2, 3, 4].map(|lane| rows.lane(&mut page, lane));
        assert_eq!((above, lanes), (Some(taken), [one + 1, taken + 1, taken + 2]));
        assert_eq!([1, 2, 3, 4].map(|lane| rows.lane(&mut page, lane)), [one, one + 1, taken + 1, taken + 2]);
    }
}
