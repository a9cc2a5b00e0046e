//! Lanes: extra rows for what overlaps without nesting. Perfetto deletes a slice that crosses another on its row
//! (perfetto#4280), so nothing may.

/// Greedy assignment in order of begin: the first lane that is free.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// When each lane becomes free.
    free_from: Vec<u64>,
}

impl Lanes {
    /// How many lanes were ever needed.
    pub(crate) const fn count(&self) -> u32 {
        // CAST: no more lanes than things that overlap.
        self.free_from.len() as u32
    }

    /// The lane, from 1, of something that begins at `begin` and ends at `end` (`u64::MAX` while that is unknown).
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

    /// What is on `lane` ends at `end`. Of what begins at that very moment it is not known whether it began before: it does
    /// not get the lane.
    pub(crate) fn release(&mut self, lane: u32, end: u64) {
        if let Some(from) = self.free_from.get_mut(lane as usize - 1) {
            *from = end.saturating_add(1);
        }
    }
}

/// Lanes of things that may lie in each other, as the lives of async ranges do: one that lies in another is on its lane,
/// unless something else is there meanwhile. So a request and what it waits for are read from top to bottom.
#[derive(Debug, Default)]
pub(crate) struct NestedLanes {
    /// Places of what is open on each lane, innermost last, and when it ends.
    open: Vec<Vec<(usize, u64)>>,
}

impl NestedLanes {
    /// Returns the lane, from 1, of the thing in this place, which begins and ends then; `around` is the place and the lane
    /// of what it lies in. Things come in order of begin, outer ones first.
    pub(crate) fn take(&mut self, place: usize, (begin, end): (u64, u64), around: Option<(usize, u32)>) -> u32 {
        let inside = around.filter(|(outer, lane)| {
            let top = self.top(*lane as usize - 1, begin);
            top.is_some_and(|(top, until)| top == *outer && end <= until)
        });
        let lane = match inside {
            Some((_, lane)) => lane as usize - 1,
            None => (0..self.open.len()).find(|lane| self.top(*lane, begin).is_none()).unwrap_or_else(|| {
                self.open.push(Vec::new());
                self.open.len() - 1
            }),
        };
        self.open[lane].push((place, end));
        // CAST: no more lanes than things that overlap.
        lane as u32 + 1
    }

    /// Returns what is open on a lane at this moment, innermost.
    fn top(&mut self, lane: usize, now: u64) -> Option<(usize, u64)> {
        let open = &mut self.open[lane];
        while open.pop_if(|(_, end)| *end <= now).is_some() {}
        open.last().copied()
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
        let mut lanes = NestedLanes::default();
        assert_eq!(lanes.take(0, (0, 100), None), 1);
        assert_eq!(lanes.take(1, (10, 50), Some((0, 1))), 1);
        // Beside the one before, in another that is not innermost, and after it.
        assert_eq!(lanes.take(2, (20, 60), Some((0, 1))), 2);
        assert_eq!(lanes.take(3, (30, 40), Some((2, 2))), 2);
        assert_eq!(lanes.take(4, (30, 40), None), 3);
        assert_eq!(lanes.take(5, (60, 90), Some((0, 1))), 1);
        // It outlives what it lies in.
        assert_eq!(lanes.take(6, (95, 110), Some((0, 1))), 2);
        assert_eq!(lanes.take(7, (100, 101), None), 1);
    }
}
