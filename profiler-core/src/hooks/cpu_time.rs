//! The CPU time of stages and steps: readings of the calling thread's CPU clock at their begin and
//! end.
//!
//! The clock is read just before the begin and just after the end, so that a range's wall time
//! excludes its own readings; the reader caps CPU time at wall time. Each reading is a system call,
//! out of line: only the slow path makes it ([`gate::CPU_TIME`](crate::gate::CPU_TIME)).

use std::time::{Duration, Instant};

use crate::clock::thread_ns;
use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};

/// Number of readings that measure the cost of one.
const READINGS: u32 = 400;

/// Returns whether this gate asks for the CPU time of ranges of `site`.
pub(crate) fn is_measured(gate: u32, site: &Site) -> bool {
    gate & crate::gate::CPU_TIME != 0 && site.is_stage()
}

/// Writes this thread's CPU clock for the begin or end of `site` that follows. Without room for the
/// entry, the range has no CPU time.
pub(crate) fn write(site: u32) {
    let entry = Entry::new(Tag::CpuTime, site, thread_ns());
    buffer::append(false, || entry);
}

/// Measures the cost of one reading for its thread.
pub fn cost() -> Duration {
    let start = Instant::now();
    for _ in 0..READINGS {
        std::hint::black_box(thread_ns());
    }
    start.elapsed() / READINGS
}
