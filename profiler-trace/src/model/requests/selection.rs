//! The choice of requests that are kept one by one: the slowest, the newest, and a random sample of
//! all.
//!
//! Each of the three rules keeps the requests of the highest rank: by duration, by begin, and by a
//! number drawn for each. So one rule serves all, every request is looked at once, and memory does
//! not grow with their number. The numbers are drawn by a fixed rule: the same requests in the same
//! order give the same sample.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{KeptAs, Request};

/// Number of requests that are kept: of the slowest, of the newest, at random.
const MOST: [usize; 3] = [100, 100, 800];
/// The requests kept so far, which are offered one by one, in any order.
#[derive(Default)]
pub(super) struct Selection {
    offered: u64,
    /// `(rank, number)` of those kept by each rule, the lowest first.
    best: [BinaryHeap<Reverse<(u64, u64)>>; 3],
    kept: HashMap<u64, Request>,
}

impl Selection {
    /// Looks at one more request; calls `make` if the request is kept, for now.
    pub(super) fn offer(&mut self, begin: u64, duration: u64, make: impl FnOnce() -> Request) {
        let number = self.offered;
        self.offered += 1;
        let mut bits = 0;
        for (at, rank) in [duration, begin, drawn(number)].into_iter().enumerate() {
            let best = &mut self.best[at];
            best.push(Reverse((rank, number)));
            let out = if best.len() > MOST[at] { best.pop() } else { None };
            match out {
                Some(Reverse((_, out))) if out == number => continue,
                Some(Reverse((_, out))) => self.withdraw(out, 1 << at),
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

    /// Returns the requests that are kept, in order of begin.
    pub(super) fn close(self) -> Vec<Request> {
        let mut kept: Vec<Request> = self.kept.into_values().collect();
        kept.sort_by_key(|request| (request.begin, request.end, request.key));
        kept
    }
}

/// Returns the number drawn for a request: by SplitMix64, whose every output occurs once.
const fn drawn(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A4: of 25,000 requests, each of a length of its own.
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
