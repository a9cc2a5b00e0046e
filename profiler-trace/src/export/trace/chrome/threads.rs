//! The threads of a recording as rows, formatted on several cores.
//!
//! Threads are distributed over parts by their numbers of ranges
//! ([`partition`](crate::export::trace::partition)), and a page of each part is written in turn:
//! readers require neither that rows are contiguous nor that events are sorted by time. The ranges
//! of a row keep their order.

use std::collections::VecDeque;

use crate::export::events::Row;
use crate::export::events::ranges::{Part as Shows, Range};
use crate::export::trace::buffer::{FULL, Page};
use crate::export::trace::parallel::Stream;
use crate::export::trace::partition::partition;
use crate::model::{Trace, Walk};

use super::formatter::Formatter;
use super::rows::Rows;
use super::text_cache::RowId;

/// Stream of some of the threads, one after the other.
pub(super) struct Part<'a> {
    trace: &'a Trace,
    format: Formatter<'a>,
    /// Threads that follow.
    threads: VecDeque<ThreadRows>,
    /// Current thread.
    current: Option<(Walk<'a>, ThreadRows)>,
}

/// A thread by index in the trace, with the ids of its row and lanes.
struct ThreadRows {
    index: usize,
    rows: Vec<RowId>,
}

/// Introduces the rows of all threads, and distributes the threads with ranges over parts. Each
/// part gets its own formatter.
pub(super) fn parts<'a>(
    page: &mut Page<'_>,
    rows: &mut Rows<'a>,
    trace: &'a Trace,
    format: impl Fn() -> Formatter<'a>,
) -> VecDeque<Part<'a>> {
    let mut threads = Vec::with_capacity(trace.threads.len());
    for (index, thread) in trace.threads.iter().enumerate() {
        let rows = (0..=thread.lanes).map(|lane| rows.row_id(page, Row::Thread(index, lane))).collect();
        threads.push(ThreadRows { index, rows });
    }
    let range_count = |thread: &ThreadRows| trace.threads[thread.index].ranges;
    threads.retain(|thread| range_count(thread) > 0);
    let part = |threads| Part { trace, format: format(), threads, current: None };
    partition(threads, range_count).into_iter().map(part).collect()
}

impl Stream for Part<'_> {
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        let Self { trace, format, threads, current } = self;
        loop {
            if let Some((walk, ThreadRows { rows, .. })) = current {
                let is_full = walk.until(|slice| {
                    // Every lane has a row: the first pass has read the thread.
                    let row_id = rows.get(slice.lane as usize).copied().unwrap_or_default();
                    format.slice(page, &Range::new(trace, slice, Shows::Whole), row_id, (slice.begin, slice.end));
                    page.len() >= FULL
                });
                if is_full {
                    return true;
                }
            }
            match threads.pop_front() {
                Some(next) => *current = Some((trace.begin_walk(next.index), next)),
                None => return false,
            }
        }
    }
}
