//! What recording itself costs, measured on this machine when a session ends.
//!
//! The summary multiplies it by the number of ranges. Measured on a scratch buffer with the same clock and the same stores; nothing of it appears in a recording.

use std::hint::black_box;
use std::time::Instant;

use super::clock;
use super::entry::{Entry, Tag};

/// Ranges measured.
const RANGES: usize = 2048;

/// Nanoseconds that one plain range costs its thread: two clock reads and two stores. Takes about a tenth of a millisecond.
pub(crate) fn ns_per_range() -> f64 {
    let mut scratch = vec![Entry { value: 0, word: 0 }; RANGES * 2];
    let start = Instant::now();
    for pair in scratch.chunks_exact_mut(2) {
        pair[0] = Entry { value: clock::ticks(), word: Tag::Begin.word(0, 1) };
        pair[1] = Entry { value: clock::ticks(), word: Tag::End.word(0, 1) };
    }
    black_box(&scratch);
    start.elapsed().as_nanos() as f64 / RANGES as f64
}
