//! Properties of the clocks that an [`Anchor`](profiler_core::clock::Anchor) reads. A merge of
//! several ranks uses them to decide whether the ranks' times can be compared, and how exactly.
//!
//! Processes on one host read the same monotonic clock, so their times differ only by the error of
//! a reading. Hosts share nothing but real time; the kernel may report a bound of its error.

use serde::{Deserialize, Serialize};

/// A host's clocks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct HostClock {
    /// Id shared by all processes that read the same monotonic clock; `None` if the system has no
    /// such id.
    pub id: Option<String>,
    /// Bound of the real-time clock's error; `None` if the clock is not synchronised, or the system
    /// does not report a bound.
    pub real_time_error_ns: Option<u64>,
}
