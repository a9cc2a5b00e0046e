//! The partition of a recording's threads, to fill their pages on several cores
//! ([`parallel`](super::parallel)).
//!
//! The number of parts does not depend on the machine, nor does what is in them, so a recording
//! gives the same file everywhere.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::export::workers;

/// Most parts, no fewer than workers: more would not be faster, and each has a page, and texts that
/// it has prepared.
const PARTS: usize = 4;
/// Ranges that are too few for workers: they are written before a second thread has started.
const WORTH_WORKERS: u64 = 10_000;

/// Returns the number of workers that so many ranges are worth.
pub(super) fn workers_for(ranges: u64) -> usize {
    if ranges < WORTH_WORKERS { 1 } else { workers::count() }
}

/// Deals threads to at most four parts of about the same size.
pub(super) fn deal<T>(mut threads: Vec<T>, size: impl Fn(&T) -> u64) -> Vec<VecDeque<T>> {
    // The largest first: small threads even the parts out.
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
        assert_eq!(deal(vec![3, 9, 1, 4, 2, 5, 8], |&size| size), [vec![9], vec![8], vec![5, 2, 1], vec![4, 3]]);
        assert_eq!(deal(vec![1, 2], |&size| size), [[2], [1]]);
        assert!(deal(Vec::new(), |&size| size).is_empty());
    }
}
