//! What recording itself costs, measured on this machine when a session ends.
//!
//! The summary multiplies it by the number of ranges. Measured on a scratch buffer with the same clock and the same
//! stores; nothing of it appears in a recording.

use std::hint::black_box;
use std::time::Instant;

use super::clock;
use super::entry::{Entry, Tag};

/// Ranges measured.
const RANGES: usize = 2048;

/// Nanoseconds that one plain range costs its thread: two clock reads and two stores. Takes about a tenth of a
/// millisecond.
pub(crate) fn ns_per_range() -> f64 {
    let mut scratch = vec![Entry::new(Tag::End, 0, 0); RANGES * 2];
    let start = Instant::now();
    for pair in scratch.chunks_exact_mut(2) {
        pair[0] = Entry::new(Tag::Begin, 1, clock::ticks());
        pair[1] = Entry::new(Tag::End, 1, clock::ticks());
    }
    black_box(&scratch);
    start.elapsed().as_nanos() as f64 / RANGES as f64
}
