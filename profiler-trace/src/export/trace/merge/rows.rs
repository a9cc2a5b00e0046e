//! Assignment of `pid`s to the ranks' processes and devices in a merged trace.
//!
//! Ranks on different hosts or in containers may have the same process ids, and every rank's first
//! device is 0. The first rank keeps its numbers; the others get unused ones.

use std::collections::{HashMap, HashSet};

use crate::export::trace::chrome::escape::push_string;

/// First synthetic number: above process ids, which are at most 2^22, or twice that if they had to
/// be changed because of a device.
const FIRST_SYNTHETIC: u64 = 20_000_000;
/// Number of sort indices per rank.
const INDICES: u64 = 1_000;

/// Assigned numbers.
#[derive(Debug, Default)]
pub(super) struct Processes {
    taken: HashSet<String>,
    synthetic: u64,
    /// Current rank.
    rank: u32,
    merged_pids: HashMap<String, String>,
}

impl Processes {
    /// Starts the next rank; following processes belong to it.
    pub(super) fn begin_rank(&mut self, rank: u32) {
        self.rank = rank;
        self.merged_pids.clear();
    }

    /// Returns the merged `pid` for a `pid` of the rank's trace, both as JSON text.
    pub(super) fn pid(&mut self, pid: &str) -> &str {
        if !self.merged_pids.contains_key(pid) {
            let merged = self.choose(pid);
            self.merged_pids.insert(pid.to_owned(), merged);
        }
        self.merged_pids.get(pid).map_or("", String::as_str)
    }

    fn choose(&mut self, pid: &str) -> String {
        if let Ok(name) = serde_json::from_str::<String>(pid) {
            // Kineto's pseudo-processes: `Spans`, `Traces`, and one without a name.
            let mut text = Vec::new();
            push_string(&mut text, format!("{name} (rank {})", self.rank).trim_start());
            return String::from_utf8(text).unwrap_or_default();
        }
        let mut merged = pid.to_owned();
        while !self.taken.insert(merged.clone()) {
            merged = (FIRST_SYNTHETIC + self.synthetic).to_string();
            self.synthetic += 1;
        }
        merged
    }

    /// Returns the merged sort index for an index of the rank's trace. It keeps the rank's program,
    /// devices and other rows together.
    pub(super) fn sort_index(&self, index: u64) -> u64 {
        /// First sort index of devices in a rank's trace; overhead and spans follow the devices.
        const DEVICES: u64 = 5_000_000;
        let position = match index {
            0..DEVICES => 0,
            DEVICES..20_000_000 => 1 + (index - DEVICES).min(INDICES - 4),
            20_000_000..300_000_000 => INDICES - 2,
            _ => INDICES - 1,
        };
        u64::from(self.rank) * INDICES + position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ranks_share_a_process() {
        let mut all = Processes::default();
        let of = |rank, all: &mut Processes| {
            all.begin_rank(rank);
            ["77", "0", "-1", "\"Spans\"", "\"\"", "77"].map(|pid| all.pid(pid).to_owned())
        };
        let (first, second) = (of(0, &mut all), of(1, &mut all));
        assert_eq!(first, ["77", "0", "-1", "\"Spans (rank 0)\"", "\"(rank 0)\"", "77"]);
        assert!(second.iter().all(|pid| !first.contains(pid)), "{second:?}");
        assert_eq!(second[0], second[5]);
    }

    #[test]
    fn ranks_stand_in_order_and_devices_behind_their_program() {
        let mut all = Processes::default();
        let mut places = Vec::new();
        for rank in 0..2 {
            all.begin_rank(rank);
            places.extend([4711, 5_000_000, 5_000_001, 268_435_466, 536_870_912].map(|index| all.sort_index(index)));
        }
        assert!(places.is_sorted_by(|one, other| one < other), "{places:?}");
    }
}
