//! CPU time of stages and steps: reads the calling thread's CPU clock at their begin and end.
//!
//! The CPU clock is read just before the begin and just after the end, so that a range's wall time
//! excludes its own readings; the reader caps CPU time at wall time. A reading is a system call,
//! made only on the slow path ([`gate::CPU_TIME`](crate::gate::CPU_TIME)).

use std::time::{Duration, Instant};

use crate::clock::thread_ns;
use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};

/// Number of readings in a measurement of their cost.
const READINGS: u32 = 400;

/// Returns whether the CPU time of ranges of `site` is measured.
pub(crate) fn is_measured(gate: u32, site: &Site) -> bool {
    gate & crate::gate::CPU_TIME != 0 && site.is_stage()
}

/// Writes this thread's CPU clock for the begin or end of `site` that follows. If there is no room
/// for the entry, the range has no CPU time.
pub(crate) fn write(site: u32) {
    let entry = Entry::new(Tag::CpuTime, site, thread_ns());
    buffer::append(false, || entry);
}

/// Measures the cost of one reading.
pub fn cost() -> Duration {
    let start = Instant::now();
    for _ in 0..READINGS {
        std::hint::black_box(thread_ns());
    }
    start.elapsed() / READINGS
}
