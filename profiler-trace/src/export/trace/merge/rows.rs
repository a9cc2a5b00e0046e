//! The `pid` of a rank's process or device in the merged trace.
//!
//! Ranks on different hosts, or in containers, may have the same process ids, and every rank calls
//! its first device
//! 0. The first rank keeps its number; the others get a number that nothing else has.

use std::collections::{HashMap, HashSet};

use crate::export::trace::chrome::escape::push_string;

/// Where made-up numbers begin: above process ids (at most 2^22, twice that where one would be a
/// device's).
const FIRST_MADE_UP: u64 = 20_000_000;
/// Places in the order of processes for each rank.
const PLACES: u64 = 1_000;

/// The numbers in use.
#[derive(Debug, Default)]
pub(super) struct Processes {
    taken: HashSet<String>,
    made_up: u64,
    /// Rank that is merged now.
    rank: u32,
    known: HashMap<String, String>,
}

impl Processes {
    /// Begins another rank: the processes that follow are its.
    pub(super) fn begin_rank(&mut self, rank: u32) {
        self.rank = rank;
        self.known.clear();
    }

    /// Returns the JSON text of the `pid` whose text in the rank's trace was `pid`.
    pub(super) fn pid(&mut self, pid: &str) -> &str {
        if !self.known.contains_key(pid) {
            let merged = self.choose(pid);
            self.known.insert(pid.to_owned(), merged);
        }
        self.known.get(pid).map_or("", String::as_str)
    }

    fn choose(&mut self, pid: &str) -> String {
        if let Ok(name) = serde_json::from_str::<String>(pid) {
            // Kineto's rows that are no process: `Spans`, `Traces`, and one without a name.
            let mut text = Vec::new();
            push_string(&mut text, format!("{name} (rank {})", self.rank).trim_start());
            return String::from_utf8(text).unwrap_or_default();
        }
        let mut merged = pid.to_owned();
        while !self.taken.insert(merged.clone()) {
            merged = (FIRST_MADE_UP + self.made_up).to_string();
            self.made_up += 1;
        }
        merged
    }

    /// Returns the sort index for `index` of the rank's trace: keeps the rank's program, devices
    /// and rest together.
    pub(super) fn sort_index(&self, index: u64) -> u64 {
        /// Where the rank's trace sorts its devices; after them come overhead and spans.
        const DEVICES: u64 = 5_000_000;
        let place = match index {
            0..DEVICES => 0,
            DEVICES..20_000_000 => 1 + (index - DEVICES).min(PLACES - 4),
            20_000_000..300_000_000 => PLACES - 2,
            _ => PLACES - 1,
        };
        u64::from(self.rank) * PLACES + place
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
