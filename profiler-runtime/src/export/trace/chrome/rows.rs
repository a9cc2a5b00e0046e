//! Rows: which `tid` everything is shown under, and what the row is called.
//!
//! Slices of one row must nest, so no two things share a `tid`: not a thread and a lane of async ranges, and not two threads
//! of which the second got the id of the first, which had ended.

use std::collections::{HashMap, HashSet};

use crate::export::trace::page::Page;

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
    /// A lane of async ranges, from 1.
    Async(u32),
    /// The iterations between bare `step()` calls.
    Steps,
}

/// The rows in use.
pub(super) struct Rows {
    pid: u64,
    begin: u64,
    known: HashMap<Row, u64>,
    taken: HashSet<u64>,
    next: u64,
}

impl Rows {
    /// No rows yet. `begin` is the `ts` of metadata, in nanoseconds since the trace's base.
    pub(super) fn new(pid: u32, begin: u64) -> Self {
        Self { pid: u64::from(pid), begin, known: HashMap::new(), taken: HashSet::new(), next: FIRST_MADE_UP }
    }

    /// The row's `tid`. A row that is new gets `wanted` if nothing else has it, and is introduced with its `name`.
    pub(super) fn tid(&mut self, page: &mut Page<'_>, row: Row, wanted: Option<u64>, name: &str) -> u64 {
        if let Some(&tid) = self.known.get(&row) {
            return tid;
        }
        let tid = wanted.filter(|tid| *tid > 0 && !self.taken.contains(tid)).unwrap_or_else(|| self.make_up());
        self.taken.insert(tid);
        self.known.insert(row, tid);
        self.introduce(page, "thread_name", tid, |out| {
            out.extend_from_slice(b"\"name\":");
            push_string(out, name);
        });
        self.introduce(page, "thread_sort_index", tid, |out| {
            out.extend_from_slice(b"\"sort_index\":");
            push_integer(out, tid);
        });
        tid
    }

    fn make_up(&mut self) -> u64 {
        while self.taken.contains(&self.next) {
            self.next += 1;
        }
        self.next
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
            (Row::Async(1), None),
            (Row::Steps, None),
            (Row::Thread(3, 0), Some(0)),
        ]
        .map(|(row, wanted)| rows.tid(&mut page, row, wanted, "row"));
        assert_eq!(tids[0], 70);
        assert_eq!(HashSet::from(tids).len(), tids.len());
        assert_eq!(rows.tid(&mut page, Row::Async(1), None, "row"), tids[3], "a known row keeps its id");
    }
}
