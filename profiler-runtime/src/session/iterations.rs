//! The iterations of a recovered recording: where the last ones begin, and under which number the
//! first one is shown.
//!
//! A session that ends counts them as they end ([`super::dumps`], [`super::schedule`]); for one
//! whose process has died, their ends are in the log.

use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::registry::{Log, ThreadLog};

/// The end of each iteration of the driving loop that had begun in the recording: ticks, in order.
#[derive(Debug)]
pub(super) struct Iterations(Vec<u64>);

impl Iterations {
    /// Finds the iterations of the loop of this site; of bare `next_step()` calls without one.
    /// Reads the whole log.
    pub(super) fn of(log: &Log, driver: Option<u32>) -> Self {
        let mut ends = Vec::new();
        log.threads.iter().for_each(|thread| add_ends(thread, driver, &mut ends));
        ends.sort_unstable();
        Self(ends)
    }

    /// Returns the tick from which on the last `most` are there, and everything after them; 0 if
    /// there are no more.
    pub(super) fn begin_of_last(&self, most: u64) -> u64 {
        let before = usize::try_from(most).ok().and_then(|most| self.0.len().checked_sub(most)?.checked_sub(1));
        // Entries with the very time of the end belong to the iteration.
        before.map_or(0, |before| self.0[before].saturating_add(1))
    }

    /// Counts the iterations that ended before this tick.
    pub(super) fn before(&self, ticks: u64) -> u64 {
        self.0.partition_point(|end| *end < ticks) as u64
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

fn add_ends(thread: &ThreadLog, driver: Option<u32>, ends: &mut Vec<u64>) {
    // The begin of each open range of the loop, and whether it is a poll: then the end of the task
    // is the iteration's.
    let (mut open, mut is_poll): (Vec<(Entry, bool)>, _) = (Vec::new(), false);
    for entry in thread.entries() {
        let is_drivers = || driver == Some(entry.site());
        match entry.tag() {
            Some(Tag::StepMark) if driver.is_none() => ends.push(entry.value()),
            Some(Tag::Task) if is_drivers() => is_poll = true,
            Some(Tag::Begin) if is_drivers() => open.push((*entry, std::mem::take(&mut is_poll))),
            Some(Tag::End) if is_drivers() => {
                let Some(at) = open.iter().rposition(|(begin, _)| entry.ends(*begin)) else { continue };
                let (_, is_poll) = open.remove(at);
                // A step of the same loop around it is the iteration.
                if !is_poll && at == 0 {
                    ends.push(entry.value());
                }
            }
            Some(Tag::TaskEnd) if is_drivers() => {
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
    fn the_last_iterations_begin_where_the_one_before_them_has_ended() {
        let iterations = Iterations(vec![10, 20, 30, 40]);
        assert_eq!([0, 1, 3, 4, u64::MAX].map(|most| iterations.begin_of_last(most)), [41, 31, 11, 0, 0]);
        assert_eq!((iterations.before(31), iterations.count()), (3, 4));
        assert_eq!(Iterations(Vec::new()).begin_of_last(0), 0);
    }
}
