//! The clocks that an [`Anchor`](profiler_core::clock::Anchor) reads: by them a merge of several
//! ranks knows whether their times can be compared, and how well.
//!
//! Processes of one host read one monotonic clock, so their times differ by nothing but the
//! reading. Between hosts only real time is common, and how far that is off is what the kernel says
//! of its synchronisation, if it says anything.

use serde::{Deserialize, Serialize};

/// A host's clocks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct HostClock {
    /// Id that all processes share which read the same monotonic clock; `None` where the system has
    /// no name for it.
    pub id: Option<String>,
    /// Bound of the real-time clock's error; `None` if nothing keeps it synchronised, or the system
    /// does not tell.
    pub real_time_error_ns: Option<u64>,
}
