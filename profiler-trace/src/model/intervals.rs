//! Unions of intervals that may overlap: of a known set of sorted rows at once, or one by one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Returns the length of the union of intervals `(begin, end)` from several sources, each sorted by
/// begin. Reads each interval once and stores none.
pub(super) fn union_length(mut sources: Vec<impl Iterator<Item = (u64, u64)>>) -> u64 {
    // A heap, because there is one source per thread and there may be thousands of threads.
    let first = sources.iter_mut().map(Iterator::next).enumerate();
    let mut earliest: BinaryHeap<_> = first.filter_map(|(at, next)| Some(Reverse((next?, at)))).collect();
    let (mut covered, mut until) = (0, 0);
    while let Some(mut head) = earliest.peek_mut() {
        let Reverse(((begin, end), at)) = *head;
        covered += end.saturating_sub(begin.max(until));
        until = until.max(end);
        match sources[at].next() {
            Some(next) => *head = Reverse((next, at)),
            None => drop(PeekMut::pop(head)),
        }
    }
    covered
}

/// Union of the parts of a range that the ranges directly inside it cover.
///
/// They come in order of their ends. While none crosses another they are disjoint, and the decoder
/// only keeps their sum; this type is used where ranges cross.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// Length of the union.
    pub(super) ns: u64,
    /// Intervals that a later one may overlap, disjoint and sorted.
    recent: Vec<(u64, u64)>,
}

impl Cover {
    /// Adds an interval. Later intervals must start after `oldest`. Returns the added length.
    pub(super) fn add(&mut self, begin: u64, end: u64, oldest: u64) -> u64 {
        let first = self.recent.partition_point(|old| old.1 < begin);
        let last = first + self.recent[first..].partition_point(|old| old.0 <= end);
        let merged = &self.recent[first..last];
        let before: u64 = merged.iter().map(|(begin, end)| end - begin).sum();
        let begin = merged.first().map_or(begin, |old| old.0.min(begin));
        let end = merged.last().map_or(end, |old| old.1.max(end));
        self.recent.splice(first..last, [(begin, end)]);
        let past = self.recent.partition_point(|old| old.1 <= oldest);
        self.recent.drain(..past);
        let added = end - begin - before;
        self.ns += added;
        added
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// A1: self time is the duration without the union of the intervals inside.
        #[test]
        fn intervals_in_any_order_cover_their_union(intervals in vec((0..60_u64, 0..20_u64), 0..30)) {
            let mut cover = Cover::default();
            let covered: u64 = intervals.iter().map(|(begin, length)| cover.add(*begin, begin + length, 0)).sum();
            let is_in = |at: &u64| intervals.iter().any(|(begin, length)| (*begin..begin + length).contains(at));
            prop_assert_eq!(covered, (0..80).filter(is_in).count() as u64);
        }
    }

    #[test]
    fn what_nothing_more_overlaps_is_not_kept() {
        let mut cover = Cover::default();
        let added: u64 = (0..1000).map(|at| cover.add(10 * at, 10 * at + 12, 10 * at)).sum();
        assert_eq!((added, cover.recent.len()), (10_002, 1));
        assert_eq!([cover.add(20_000, 20_001, 20_001), cover.recent.len() as u64], [1, 0]);
    }

    #[test]
    fn overlaps_count_once_and_gaps_not_at_all() {
        let sources = vec![vec![(0, 10), (20, 30)].into_iter(), vec![(5, 12), (29, 40), (50, 50)].into_iter()];
        assert_eq!(union_length(sources), 12 + 20);
        assert_eq!(union_length(Vec::<std::vec::IntoIter<(u64, u64)>>::new()), 0);
    }
}
