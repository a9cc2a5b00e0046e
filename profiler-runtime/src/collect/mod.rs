//! Sources beside our own ranges, and their viewers: the CUDA driver, its capture range, CUPTI, and tools that speak NVTX.
//!
//! Each can be absent, and says why ([`absent::Absent`]): nothing is linked, every library is opened while the program
//! runs. `session` starts and ends them; `unsafe` lives here because they speak C.

pub(crate) mod absent;
pub(crate) mod cuda_range;
pub(crate) mod cupti;
pub(crate) mod driver;
pub(crate) mod gpu;
mod library;
pub(crate) mod nvtx;
