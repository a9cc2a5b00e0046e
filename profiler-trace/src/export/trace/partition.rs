//! Partition of a recording's threads, whose pages are filled on several cores
//! ([`parallel`](super::parallel)).
//!
//! Number and contents of the parts do not depend on the machine, so a recording gives the same
//! file everywhere.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::export::workers;

/// Maximum number of parts, at least that of workers. More would not be faster, and each part has a
/// page and caches of its own.
const PARTS: usize = 4;
/// Number of ranges below which workers are not used: they are written before a second thread has
/// started.
const MIN_RANGES: u64 = 10_000;

/// Returns the number of workers to use for this number of ranges.
pub(super) fn workers_for(ranges: u64) -> usize {
    if ranges < MIN_RANGES { 1 } else { workers::count() }
}

/// Distributes threads over at most four parts of about the same size.
pub(super) fn partition<T>(mut threads: Vec<T>, size: impl Fn(&T) -> u64) -> Vec<VecDeque<T>> {
    // The largest threads first, so that small ones balance the parts.
    threads.sort_by_key(|thread| Reverse(size(thread)));
    let mut parts: Vec<(u64, VecDeque<T>)> = Vec::new();
    for thread in threads {
        if parts.len() < PARTS {
            parts.push((0, VecDeque::new()));
        }
        if let Some((smallest, part)) = parts.iter_mut().min_by_key(|(size, _)| *size) {
            *smallest += size(&thread);
            part.push_back(thread);
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_about_the_same_size_and_never_more_than_four() {
        assert_eq!(partition(vec![3, 9, 1, 4, 2, 5, 8], |&size| size), [vec![9], vec![8], vec![5, 2, 1], vec![4, 3]]);
        assert_eq!(partition(vec![1, 2], |&size| size), [[2], [1]]);
        assert!(partition(Vec::new(), |&size| size).is_empty());
    }
}
