//! Lanes: extra rows for slices that overlap without nesting. Perfetto deletes a slice that crosses
//! another on its row (perfetto#4280), so the slices of one row must nest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::tasks::{OUTERMOST, Record, Tasks};
use super::values::Short;

/// Greedy assignment in order of start: each slice gets the first free lane.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// Time from which each lane is free.
    free_from: Vec<u64>,
}

impl Lanes {
    /// Returns the number of lanes ever needed.
    pub(crate) const fn count(&self) -> u32 {
        // CAST: at most one lane per overlapping slice.
        self.free_from.len() as u32
    }

    /// Takes the first free lane for a slice from `begin` to `end` (`u64::MAX` while unknown).
    /// Returns its number, starting at 1.
    pub(crate) fn take(&mut self, begin: u64, end: u64) -> u32 {
        let free = self.free_from.iter().position(|&from| from <= begin);
        let lane = free.unwrap_or_else(|| {
            self.free_from.push(0);
            self.free_from.len() - 1
        });
        self.free_from[lane] = end;
        // CAST: at most one lane per overlapping slice.
        lane as u32 + 1
    }

    /// Frees `lane` from just after `end`: a slice that begins at the very same moment may overlap.
    pub(crate) fn release(&mut self, lane: u32, end: u64) {
        if let Some(from) = self.free_from.get_mut(lane as usize - 1) {
            *from = end.saturating_add(1);
        }
    }
}

/// Lanes of lives, which may nest. A nested life shares the lane of the life around it unless
/// another life is open there at the same time, so a request and the futures that it awaits read
/// from top to bottom.
#[derive(Default)]
struct LifeLanes {
    /// Innermost life on each lane, by rank; it may have ended.
    top: Vec<u32>,
    /// Lanes without an open life, numbered from 0.
    free: BinaryHeap<Reverse<u32>>,
}

impl Tasks {
    /// Assigns a lane to every life. This overwrites the reference to the life around it: a record
    /// has space for only one of them.
    pub(super) fn assign_lanes(&mut self) {
        let (mut lanes, mut ended) = (LifeLanes::default(), self.by_end().into_iter().peekable());
        let order = std::mem::take(&mut self.order);
        for &rank in &order {
            let (key, Record { begin, .. }) = (self.start_key(rank), self.records[rank as usize]);
            while let Some(outermost) =
                ended.next_if(|rank| self.records[*rank as usize].end <= begin && self.start_key(*rank) < key)
            {
                if self.records[outermost as usize].flags & OUTERMOST != 0 {
                    lanes.free.push(Reverse(self.lane(outermost) - 1));
                }
            }
            lanes.take(self, rank);
        }
        self.order = order;
    }

    /// Returns the lane of a life, starting at 1.
    pub(super) fn lane(&self, rank: u32) -> u32 {
        // CAST: no more lanes than ranks.
        self.records[rank as usize].around.get() as u32
    }
}

impl LifeLanes {
    /// Puts a life on a lane. Lives come in order of start, outer ones first.
    fn take(&mut self, tasks: &mut Tasks, rank: u32) {
        let Record { begin, end, around, request, .. } = tasks.records[rank as usize];
        let key = tasks.start_key(rank);
        let outer = [around, request].into_iter().filter_map(Short::task).filter(|outer| tasks.start_key(*outer) < key);
        // The innermost life started last.
        let outer = outer.max_by_key(|outer| tasks.start_key(*outer));
        let outer = outer.filter(|outer| {
            let top = self.top(tasks, tasks.lane(*outer) as usize - 1, begin);
            top == Some(*outer) && end <= tasks.records[*outer as usize].end
        });
        let lane = match outer {
            Some(outer) => tasks.lane(outer) - 1,
            None => self.free.pop().map_or_else(|| self.add(), |Reverse(lane)| lane),
        };
        self.top[lane as usize] = rank;
        let record = &mut tasks.records[rank as usize];
        record.around = Short::new(u64::from(lane) + 1);
        record.request = Short::new(outer.map_or(0, |outer| u64::from(outer) + 1));
        record.flags |= if outer.is_none() { OUTERMOST } else { 0 };
    }

    fn add(&mut self) -> u32 {
        if self.top.len() == self.top.capacity() {
            // Doubling the capacity would waste memory.
            self.top.reserve_exact(self.top.len() / 8 + 64);
        }
        self.top.push(0);
        // CAST: no more lanes than ranks.
        self.top.len() as u32 - 1
    }

    /// Returns the innermost open life on a lane at the time `now`.
    fn top(&mut self, tasks: &Tasks, lane: usize, now: u64) -> Option<u32> {
        let mut top = self.top[lane];
        while tasks.records[top as usize].end <= now {
            // CAST: the rank that was stored there.
            top = tasks.records[top as usize].request.get().checked_sub(1)? as u32;
        }
        self.top[lane] = top;
        Some(top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_gets_its_own_lane_and_what_touches_shares() {
        let mut lanes = Lanes::default();
        assert_eq!(
            [(0, 10), (5, 20), (10, 12), (12, 30), (20, 21)].map(|(begin, end)| lanes.take(begin, end)),
            [1, 2, 1, 1, 2]
        );
    }

    #[test]
    fn what_lies_in_another_is_on_its_lane() {
        let mut tasks = Tasks::from_lives(&[
            (0, 100, None),
            (10, 50, Some(0)),
            // Beside the one before, in another that is not innermost, and after it.
            (20, 60, Some(0)),
            (30, 40, Some(2)),
            (30, 40, None),
            (60, 90, Some(0)),
            // It outlives the slice around it.
            (95, 110, Some(0)),
            (100, 101, None),
            // Two that last no time.
            (110, 110, None),
            (110, 110, None),
        ]);
        tasks.assign_lanes();
        assert_eq!((0..10).map(|rank| tasks.lane(rank)).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 1, 2, 1, 1, 1]);
    }

    /// G1: as many lanes as lives, each taken anew: the lowest that is free, in no more time than
    /// sorting takes.
    #[test]
    fn many_lives_at_once_get_lanes_in_order() {
        let lives: Vec<_> = (0..50_000_u64)
            .map(|at| (at % 25_000 + at / 25_000 * 50_000, 40_000 + at / 25_000 * 50_000, None))
            .collect();
        let mut tasks = Tasks::from_lives(&lives);
        tasks.assign_lanes();
        assert!((0..50_000).all(|rank| tasks.lane(rank) == rank % 25_000 + 1));
    }
}
