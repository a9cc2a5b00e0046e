//! Finds the iterations of a recovered recording: where the last ones begin, and the number of the
//! first.
//!
//! A live session counts iterations as they end ([`super::dumps`], [`super::schedule`]); for a dead
//! process, their ends are found in the log.

use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::registry::{Log, ThreadLog};

/// Ticks at which the iterations of the driving loop ended, in order.
#[derive(Debug)]
pub(super) struct Iterations(Vec<u64>);

impl Iterations {
    /// Finds the iterations of the loop of site `driver`, or those of bare `next_step()` calls if
    /// it is `None`. Reads the whole log.
    pub(super) fn from_log(log: &Log, driver: Option<u32>) -> Self {
        let mut ends = Vec::new();
        log.threads.iter().for_each(|thread| add_ends(thread, driver, &mut ends));
        ends.sort_unstable();
        Self(ends)
    }

    /// Returns the tick at which the last `count` iterations begin; 0 if there are no more than
    /// that.
    pub(super) fn begin_of_last(&self, count: u64) -> u64 {
        let before = usize::try_from(count).ok().and_then(|count| self.0.len().checked_sub(count)?.checked_sub(1));
        // Entries at the very tick of the end belong to the iteration.
        before.map_or(0, |before| self.0[before].saturating_add(1))
    }

    /// Returns the number of iterations that ended before a tick.
    pub(super) fn before(&self, ticks: u64) -> u64 {
        self.0.partition_point(|end| *end < ticks) as u64
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

fn add_ends(thread: &ThreadLog, driver: Option<u32>, ends: &mut Vec<u64>) {
    // Begins of the loop's open ranges. True marks a poll, because the end of its task ends the
    // iteration.
    let (mut open, mut is_poll): (Vec<(Entry, bool)>, _) = (Vec::new(), false);
    for entry in thread.entries() {
        let is_of_driver = || driver == Some(entry.site());
        match entry.tag() {
            Some(Tag::StepMark) if driver.is_none() => ends.push(entry.value()),
            Some(Tag::Task) if is_of_driver() => is_poll = true,
            Some(Tag::Begin) if is_of_driver() => open.push((*entry, std::mem::take(&mut is_poll))),
            Some(Tag::End) if is_of_driver() => {
                let Some(at) = open.iter().rposition(|(begin, _)| entry.ends(*begin)) else { continue };
                let (_, is_poll) = open.remove(at);
                // A step inside another step of the same loop is no iteration.
                if !is_poll && at == 0 {
                    ends.push(entry.value());
                }
            }
            Some(Tag::TaskEnd) if is_of_driver() => {
                is_poll = false;
                ends.push(entry.value());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_iterations_begin_after_the_one_before_them() {
        let iterations = Iterations(vec![10, 20, 30, 40]);
        assert_eq!([0, 1, 3, 4, u64::MAX].map(|count| iterations.begin_of_last(count)), [41, 31, 11, 0, 0]);
        assert_eq!((iterations.before(31), iterations.count()), (3, 4));
        assert_eq!(Iterations(Vec::new()).begin_of_last(0), 0);
    }
}
