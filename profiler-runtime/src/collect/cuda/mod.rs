//! CUDA: its driver, CUPTI's records, times between events on streams, and the range that Nsight
//! Systems captures.
//!
//! Every library is opened while the program runs; what is missing is a reason
//! ([`Unavailable`](profiler_trace::records::unavailable::Unavailable)), never an error.

pub(crate) mod capture_range;
#[cfg(feature = "cudarc")]
mod cudarc;
pub(super) mod cupti;
mod driver;
pub(super) mod event_timing;
mod stream;

#[cfg(feature = "cudarc")]
pub use cudarc::ReportedSlice;
pub use stream::{BorrowedStream, StreamRange, op_on, stage_on, step_on};
