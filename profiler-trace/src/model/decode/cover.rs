//! How much of a range the ranges directly inside it cover, where they may overlap each other.
//!
//! They come in the order of their ends. As long as none crosses another they are disjoint and
//! their sum is enough, which the decoder keeps; this is for threads on which some cross.

/// Intervals that may overlap each other, in any order.
#[derive(Debug, Default)]
pub(in crate::model) struct Cover {
    /// Length of their union.
    pub(super) ns: u64,
    /// Intervals that a later one may overlap: disjoint and in order.
    recent: Vec<(u64, u64)>,
}

impl Cover {
    /// Adds an interval; all later ones begin after `oldest`. Returns by how much more is covered
    /// than before.
    pub(in crate::model) fn add(&mut self, begin: u64, end: u64, oldest: u64) -> u64 {
        let first = self.recent.partition_point(|known| known.1 < begin);
        let last = first + self.recent[first..].partition_point(|known| known.0 <= end);
        let known = &self.recent[first..last];
        let before: u64 = known.iter().map(|(begin, end)| end - begin).sum();
        let begin = known.first().map_or(begin, |known| known.0.min(begin));
        let end = known.last().map_or(end, |known| known.1.max(end));
        self.recent.splice(first..last, [(begin, end)]);
        let past = self.recent.partition_point(|known| known.1 <= oldest);
        self.recent.drain(..past);
        let more = end - begin - before;
        self.ns += more;
        more
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
}
