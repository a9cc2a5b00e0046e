//! The threads of a recording as rows, whose pages are filled on several cores.
//!
//! Threads are dealt to parts by how many ranges they have
//! ([`partition`](crate::export::trace::partition)), and a page of each part is written in turn:
//! readers want neither rows together nor events in the order of time. The ranges of a row keep
//! their order.

use std::collections::VecDeque;

use crate::export::events::Row;
use crate::export::events::ranges::{Part as Shows, Range};
use crate::export::trace::buffer::{FULL, Page};
use crate::export::trace::parallel::Stream;
use crate::export::trace::partition::deal;
use crate::model::{Trace, Walk};

use super::formatter::Formatter;
use super::prefix_cache::Place;
use super::rows::Rows;

/// Some of the threads, one after the other.
pub(super) struct Part<'a> {
    trace: &'a Trace,
    format: Formatter<'a>,
    /// Threads that are still to come.
    threads: VecDeque<Shown>,
    /// Thread that is shown now.
    now: Option<(Walk<'a>, Shown)>,
}

/// A thread: its place in the trace, and its row and those of its lanes.
struct Shown {
    index: usize,
    rows: Vec<Place>,
}

/// Introduces all rows of threads, and deals those with ranges out. Each part has a `format` of its
/// own.
pub(super) fn parts<'a>(
    page: &mut Page<'_>,
    rows: &mut Rows<'a>,
    trace: &'a Trace,
    format: impl Fn() -> Formatter<'a>,
) -> VecDeque<Part<'a>> {
    let mut shown = Vec::with_capacity(trace.threads.len());
    for (index, thread) in trace.threads.iter().enumerate() {
        let rows = (0..=thread.lanes).map(|lane| rows.place(page, Row::Thread(index, lane))).collect();
        shown.push(Shown { index, rows });
    }
    let ranges_of = |shown: &Shown| trace.threads[shown.index].ranges;
    shown.retain(|thread| ranges_of(thread) > 0);
    let part = |threads| Part { trace, format: format(), threads, now: None };
    deal(shown, ranges_of).into_iter().map(part).collect()
}

impl Stream for Part<'_> {
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        let Self { trace, format, threads, now } = self;
        loop {
            if let Some((walk, Shown { rows, .. })) = now {
                let is_full = walk.until(|slice| {
                    // Every lane has a place: the thread was read before.
                    let place = rows.get(slice.lane as usize).copied().unwrap_or_default();
                    format.slice(page, &Range::new(trace, slice, Shows::Whole), place, (slice.begin, slice.end));
                    page.len() >= FULL
                });
                if is_full {
                    return true;
                }
            }
            match threads.pop_front() {
                Some(next) => *now = Some((trace.begin_walk(next.index), next)),
                None => return false,
            }
        }
    }
}
