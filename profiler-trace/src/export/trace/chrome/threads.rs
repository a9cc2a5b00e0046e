//! The threads of a recording as rows, whose pages are filled on several cores.
//!
//! Threads are dealt to parts by how many ranges they have ([`partition`](crate::export::trace::partition)), and a page of each part
//! is written in turn: readers want neither rows together nor events in the order of time. The ranges of a row keep
//! their order.

use std::collections::VecDeque;

use crate::export::trace::buffer::FULL;
use crate::export::trace::parallel::Stream;
use crate::export::trace::partition::deal;
use crate::model::{Trace, Walk};

use super::event::Events;
use super::ranges::Ranges;
use super::rows::{Row, Rows};
use super::stacks::Stacks;

/// Some of the threads, one after the other.
pub(super) struct Part<'a> {
    trace: &'a Trace,
    ranges: Ranges<'a>,
    /// Those that are still to come.
    threads: VecDeque<Shown>,
    /// The one that is shown now.
    now: Option<(Walk<'a>, Shown)>,
}

/// A thread and its rows.
struct Shown {
    index: usize,
    tid: u64,
    /// The rows of its lanes, from 1.
    lanes: Vec<u64>,
}

/// Introduces all rows of threads, and deals those with ranges out.
pub(super) fn parts<'a>(
    events: &mut Events<'_>,
    rows: &mut Rows,
    (trace, base): (&'a Trace, u64),
    stacks: &'a Stacks,
) -> VecDeque<Part<'a>> {
    let mut shown: Vec<Shown> = (0..trace.threads.len()).map(|index| introduce(events, rows, trace, index)).collect();
    let ranges_of = |shown: &Shown| trace.threads[shown.index].ranges;
    shown.retain(|thread| ranges_of(thread) > 0);
    let part = |threads| Part { trace, ranges: Ranges::new(trace, stacks, base), threads, now: None };
    deal(shown, ranges_of).into_iter().map(part).collect()
}

fn introduce(events: &mut Events<'_>, rows: &mut Rows, trace: &Trace, index: usize) -> Shown {
    let thread = &trace.threads[index];
    let name = &thread.identity.name;
    let tid = rows.tid(&mut events.page, Row::Thread(index, 0), Some(thread.identity.os_id), name);
    let lanes = (1..=thread.lanes).map(|lane| {
        rows.tid(&mut events.page, Row::Thread(index, lane), None, &format!("{name} (overlapping {lane})"))
    });
    Shown { index, tid, lanes: lanes.collect() }
}

impl Shown {
    #[inline]
    fn tid(&self, lane: u32) -> u64 {
        match lane {
            0 => self.tid,
            // Every lane is there: the thread was read before.
            lane => self.lanes.get(lane as usize - 1).copied().unwrap_or(self.tid),
        }
    }
}

impl Stream for Part<'_> {
    fn fill(&mut self, page: &mut Vec<u8>) -> bool {
        let Self { trace, ranges, threads, now } = self;
        loop {
            if let Some((walk, shown)) = now {
                let is_full = walk.until(|slice| {
                    ranges.push(page, slice, shown.tid(slice.lane));
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
