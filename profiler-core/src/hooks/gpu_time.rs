//! GPU time of a range in its thread's stream: the tie between the range and its measurement, and what that came to.
//!
//! The tie follows the range's begin. What was measured is known later and is written by whichever thread learns of it,
//! so the two are joined by a number. the runtime writes them, the model reads them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};

/// The most that an entry holds: two years.
const MAX_LENGTH: u64 = (1 << 56) - 1;

/// What a pair of events came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The measurement's number.
    pub number: u64,
    /// When it began: nanoseconds of the device's clock since the context's reference.
    pub begin_ns: i64,
    /// How long it took, on the same clock.
    pub length_ns: u64,
}

/// A number for a measurement: never given twice.
pub fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // ORDERING: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The range of `site` that has just begun on this thread has this measurement. False if there was no room.
pub fn tie(site: &'static Site, number: u64, context: u32, stream: usize) -> bool {
    let site = site.number();
    buffer::append_all(|| {
        [Entry::new(Tag::Timed, site, number).with_argument(context), Entry::new(Tag::OnStream, site, stream as u64)]
    })
}

/// Writes down a measurement. False if there was no room.
pub fn write(measured: Measured) -> bool {
    let Measured { number, begin_ns, length_ns } = measured;
    buffer::append_all(|| {
        [
            Entry::pair(Tag::Measured, number, length_ns.min(MAX_LENGTH)),
            // CAST: the reader takes it back as a signed number.
            Entry::new(Tag::MeasuredAt, 0, begin_ns as u64),
        ]
    })
}
