//! Lanes: extra rows for slices that overlap without nesting. Perfetto deletes a slice that crosses
//! another on its row (perfetto#4280), so none may.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::tasks::{OUTERMOST, Record, Short, Tasks};

/// A greedy assignment in order of begin: the first lane that is free.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// Moment from which each lane is free.
    free_from: Vec<u64>,
}

impl Lanes {
    /// Returns how many lanes were ever needed.
    pub(crate) const fn count(&self) -> u32 {
        // CAST: no more lanes than things that overlap.
        self.free_from.len() as u32
    }

    /// Returns the lane, from 1, for something from `begin` to `end` (`u64::MAX` while that is
    /// unknown), and takes it.
    pub(crate) fn take(&mut self, begin: u64, end: u64) -> u32 {
        let free = self.free_from.iter().position(|&from| from <= begin);
        let lane = free.unwrap_or_else(|| {
            self.free_from.push(0);
            self.free_from.len() - 1
        });
        self.free_from[lane] = end;
        // CAST: no more lanes than things that overlap.
        lane as u32 + 1
    }

    /// Frees `lane` from just after `end`. Something that begins at `end` may have begun before the
    /// lane was free: it does not get the lane.
    pub(crate) fn release(&mut self, lane: u32, end: u64) {
        if let Some(from) = self.free_from.get_mut(lane as usize - 1) {
            *from = end.saturating_add(1);
        }
    }
}

/// Lanes of lives, which may be nested: a nested life is on the lane of the one around it, unless
/// another life is there meanwhile. So a request and the futures that it waits for are read from
/// top to bottom.
#[derive(Default)]
struct LifeLanes {
    /// The innermost life on each lane, by rank; it may have ended.
    top: Vec<u32>,
    /// Lanes on which all lives have ended, from 0.
    free: BinaryHeap<Reverse<u32>>,
}

impl Tasks {
    /// Gives every life its lane. After that the life around it is no longer known: its record has
    /// no room for both.
    pub(super) fn give_lanes(&mut self) {
        let (mut lanes, mut ended) = (LifeLanes::default(), self.by_end().into_iter().peekable());
        let order = std::mem::take(&mut self.order);
        for &rank in &order {
            let (turn, Record { begin, .. }) = (self.turn(rank), self.records[rank as usize]);
            while let Some(over) =
                ended.next_if(|over| self.records[*over as usize].end <= begin && self.turn(*over) < turn)
            {
                if self.records[over as usize].flags & OUTERMOST != 0 {
                    lanes.free.push(Reverse(self.lane(over) - 1));
                }
            }
            lanes.take(self, rank);
        }
        self.order = order;
    }

    /// Returns a life's lane, from 1.
    pub(super) fn lane(&self, rank: u32) -> u32 {
        // CAST: no more lanes than ranks.
        self.records[rank as usize].around.get() as u32
    }
}

impl LifeLanes {
    /// Puts a life on a lane. Lives come in order of begin, outer ones first.
    fn take(&mut self, tasks: &mut Tasks, rank: u32) {
        let Record { begin, end, around, request, .. } = tasks.records[rank as usize];
        let turn = tasks.turn(rank);
        let outer = [around, request].into_iter().filter_map(Short::task).filter(|outer| tasks.turn(*outer) < turn);
        // The innermost life began last.
        let outer = outer.max_by_key(|outer| tasks.turn(*outer));
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
            // Twice the room would be wasted memory.
            self.top.reserve_exact(self.top.len() / 8 + 64);
        }
        self.top.push(0);
        // CAST: no more lanes than ranks.
        self.top.len() as u32 - 1
    }

    /// Returns the innermost life that is open on a lane at this moment.
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
    fn overlapping_things_get_different_lanes_and_touching_ones_share() {
        let mut lanes = Lanes::default();
        assert_eq!(
            [(0, 10), (5, 20), (10, 12), (12, 30), (20, 21)].map(|(begin, end)| lanes.take(begin, end)),
            [1, 2, 1, 1, 2]
        );
    }

    #[test]
    fn what_lies_in_another_is_on_its_lane() {
        let mut tasks = Tasks::of(&[
            (0, 100, None),
            (10, 50, Some(0)),
            // Beside the one before, in another that is not innermost, and after it.
            (20, 60, Some(0)),
            (30, 40, Some(2)),
            (30, 40, None),
            (60, 90, Some(0)),
            // It outlives what it lies in.
            (95, 110, Some(0)),
            (100, 101, None),
            // Two that last no time.
            (110, 110, None),
            (110, 110, None),
        ]);
        tasks.give_lanes();
        assert_eq!((0..10).map(|rank| tasks.lane(rank)).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 1, 2, 1, 1, 1]);
    }

    /// G1: as many lanes as lives, each taken anew: the lowest that is free, in no more time than
    /// sorting takes.
    #[test]
    fn many_lives_at_once_get_lanes_in_order() {
        let lives: Vec<_> = (0..50_000_u64)
            .map(|at| (at % 25_000 + at / 25_000 * 50_000, 40_000 + at / 25_000 * 50_000, None))
            .collect();
        let mut tasks = Tasks::of(&lives);
        tasks.give_lanes();
        assert!((0..50_000).all(|rank| tasks.lane(rank) == rank % 25_000 + 1));
    }
}
