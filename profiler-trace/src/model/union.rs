//! The time that several rows cover together: what is left over is `unaccounted`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Returns the length of the union of intervals `(begin, end)`, from several sources each in order
/// of begin. Reads each interval once and keeps none.
pub(super) fn covered(mut sources: Vec<impl Iterator<Item = (u64, u64)>>) -> u64 {
    // There are as many sources as threads, which may be thousands.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_count_once_and_gaps_not_at_all() {
        let sources = vec![vec![(0, 10), (20, 30)].into_iter(), vec![(5, 12), (29, 40), (50, 50)].into_iter()];
        assert_eq!(covered(sources), 12 + 20);
        assert_eq!(covered(Vec::<std::vec::IntoIter<(u64, u64)>>::new()), 0);
    }
}
