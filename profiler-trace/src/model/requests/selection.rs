//! Selection of the requests that are kept individually: the slowest, the newest, and a random
//! sample of all.
//!
//! Each of the three rules keeps the requests with the highest rank: by duration, by start, and by
//! a pseudo-random number. So one mechanism serves all rules, every request is looked at once, and
//! memory does not grow with their number. The random numbers are a fixed sequence: the same
//! requests in the same order give the same sample.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{KeptAs, Request};

/// Maximum number of kept requests: slowest, newest, random.
const MAX_KEPT: [usize; 3] = [100, 100, 800];
/// Requests kept so far, offered one by one in any order.
#[derive(Default)]
pub(super) struct Selection {
    offered: u64,
    /// `(rank, number)` of the requests kept by each rule, the lowest first.
    best: [BinaryHeap<Reverse<(u64, u64)>>; 3],
    kept: HashMap<u64, Request>,
}

impl Selection {
    /// Considers one more request, and calls `make` if it is kept for now.
    pub(super) fn offer(&mut self, begin: u64, duration: u64, make: impl FnOnce() -> Request) {
        let number = self.offered;
        self.offered += 1;
        let mut bits = 0;
        for (at, rank) in [duration, begin, random(number)].into_iter().enumerate() {
            let best = &mut self.best[at];
            best.push(Reverse((rank, number)));
            let removed = if best.len() > MAX_KEPT[at] { best.pop() } else { None };
            match removed {
                Some(Reverse((_, removed))) if removed == number => continue,
                Some(Reverse((_, removed))) => self.withdraw(removed, 1 << at),
                None => {}
            }
            bits |= 1 << at;
        }
        if bits != 0 {
            self.kept.insert(number, Request { kept_as: KeptAs(bits), ..make() });
        }
    }

    fn withdraw(&mut self, number: u64, bit: u8) {
        if let Some(request) = self.kept.get_mut(&number) {
            request.kept_as.0 &= !bit;
            if request.kept_as.0 == 0 {
                self.kept.remove(&number);
            }
        }
    }

    /// Returns the kept requests in order of start.
    pub(super) fn close(self) -> Vec<Request> {
        let mut kept: Vec<Request> = self.kept.into_values().collect();
        kept.sort_by_key(|request| (request.begin, request.end, request.key));
        kept
    }
}

/// Returns the random number of a request: SplitMix64, a bijection, so that no two are equal.
const fn random(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A4: of 25,000 requests, each with a different duration.
    #[test]
    fn the_slowest_the_newest_and_a_sample_are_kept() {
        let mut selection = Selection::default();
        let duration = |at: u64| at * 7919 % 25_000;
        for at in 0..25_000 {
            selection.offer(at, duration(at), || Request::new(String::new(), (at, at + duration(at)), at));
        }
        let kept = selection.close();
        assert!((800..=1000).contains(&kept.len()), "{}", kept.len());
        let of = |word: &str| -> Vec<&Request> {
            kept.iter().filter(|each| each.kept_as.words().any(|found| found == word)).collect()
        };
        assert!(of("slowest").iter().all(|each| each.duration() >= 24_900) && of("slowest").len() == 100);
        assert!(of("newest").iter().all(|each| each.begin >= 24_900) && of("newest").len() == 100);
        let sample = of("sample");
        let mean = sample.iter().map(|each| each.begin).sum::<u64>() / 800;
        assert_eq!(sample.len(), 800);
        assert!((11_500..13_500).contains(&mean), "a sample of all, not of a part: {mean}");
    }
}
