//! Collects from CUDA: CUPTI's records, times between events on streams, and the capture range of
//! Nsight Systems.
//!
//! Every library is opened at run time. A missing library is a reason
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
