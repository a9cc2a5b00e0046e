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
}
