//! Frequent calls without information: left out of the recording where CUPTI can, and out of the
//! trace always.
//!
//! Kineto keeps hardly any call of the driver API, because PyTorch uses the runtime API. Rust
//! programs use the driver's for everything, so here all are kept but these.

use profiler_trace::records::gpu::Api;

/// `cuCtxGetCurrent`, `cuCtxSetCurrent`, push and pop (cudarc makes one before every operation),
/// and queries.
pub(super) const DRIVER: [u32; 16] = [9, 16, 85, 120, 125, 303, 304, 310, 323, 324, 392, 450, 499, 500, 677, 686];
/// `cudaGetLastError`, `cudaPeekAtLastError`, `cudaSetDevice`, `cudaGetDevice`, `cudaEventQuery`.
pub(super) const RUNTIME: [u32; 5] = [10, 11, 16, 17, 138];

/// Returns whether a function is left out.
pub(super) fn is_noise(api: Api, function: u32) -> bool {
    match api {
        Api::Driver => DRIVER.contains(&function),
        Api::Runtime => RUNTIME.contains(&function),
    }
}
