//! The time that several rows cover together: what is left over is `unaccounted`.

/// Length of the union of intervals `(begin, end)`, from several sources each in order of begin. Reads each once and
/// keeps none.
pub(super) fn covered(mut sources: Vec<impl Iterator<Item = (u64, u64)>>) -> u64 {
    let mut next: Vec<Option<(u64, u64)>> = sources.iter_mut().map(Iterator::next).collect();
    let (mut covered, mut until) = (0, 0);
    // A linear search for the earliest: there are as many sources as threads.
    while let Some(at) = (0..next.len()).filter(|&at| next[at].is_some()).min_by_key(|&at| next[at]) {
        if let Some((begin, end)) = next[at] {
            covered += end.saturating_sub(begin.max(until));
            until = until.max(end);
        }
        next[at] = sources[at].next();
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
