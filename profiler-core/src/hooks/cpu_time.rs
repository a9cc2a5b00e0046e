//! The CPU time of stages and steps: what the calling thread's CPU clock says at their begin and end.
//!
//! Read just before the begin and just after the end, so that a range's wall time holds none of its own readings; the reader
//! takes no more for CPU time than there was wall time. A system call each, out of line: only the slow path asks
//! ([`gate::CPU_TIME`](crate::gate::CPU_TIME)).

use std::time::{Duration, Instant};

use crate::clock::thread_ns;
use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};

/// Readings measured for the cost of one.
const READINGS: u32 = 400;

/// Returns whether the CPU time of ranges of `site` is measured while the gate is this.
pub(crate) fn is_measured(gate: u32, site: &Site) -> bool {
    gate & crate::gate::CPU_TIME != 0 && site.is_stage()
}

/// Writes down the CPU clock of this thread for the begin or end of `site` that follows. Without room for it the range has
/// no CPU time.
pub(crate) fn write(site: u32) {
    let entry = Entry::new(Tag::CpuTime, site, thread_ns());
    buffer::append(false, || entry);
}

/// Returns what one reading costs its thread, as measured now.
pub fn cost() -> Duration {
    let start = Instant::now();
    for _ in 0..READINGS {
        std::hint::black_box(thread_ns());
    }
    start.elapsed() / READINGS
}
