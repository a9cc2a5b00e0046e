//! GPU times measured with events: writes the link from a range to its measurement, and the
//! measured time.
//!
//! The link follows the range's begin. The time is known only later and is written by the thread
//! that reads it from the GPU, so a number joins the two. The runtime writes both, the model reads
//! them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};

/// Longest time that fits an entry, in nanoseconds: two years.
const MAX_LENGTH: u64 = (1 << 56) - 1;

/// GPU time between two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Number of the measurement.
    pub number: u64,
    /// Begin, in nanoseconds on the device's clock since the context's reference event.
    pub begin_ns: i64,
    /// Length in nanoseconds, on the same clock.
    pub length_ns: u64,
}

/// Returns a new number for a measurement, unique in the process.
pub fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // ORDERING: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Links the range of `site` that has just begun on this thread to a measurement. Returns false if
/// the buffer has no room.
pub fn tie(site: &'static Site, number: u64, context: u32, stream: usize) -> bool {
    let site = site.number();
    buffer::append_all(|| {
        [Entry::new(Tag::Timed, site, number).with_argument(context), Entry::new(Tag::OnStream, site, stream as u64)]
    })
}

/// Writes a measurement. Returns false if the buffer has no room.
pub fn write(measured: Measured) -> bool {
    let Measured { number, begin_ns, length_ns } = measured;
    buffer::append_all(|| {
        [
            Entry::pair(Tag::Measured, number, length_ns.min(MAX_LENGTH)),
            // CAST: the reader casts it back to a signed number.
            Entry::new(Tag::MeasuredAt, 0, begin_ns as u64),
        ]
    })
}
