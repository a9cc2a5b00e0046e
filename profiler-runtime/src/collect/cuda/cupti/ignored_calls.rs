//! Lists frequent API calls without information. They are not recorded if CUPTI can skip them, and
//! never appear in a trace.
//!
//! Kineto keeps hardly any driver call, because PyTorch uses the runtime API. Rust programs use the
//! driver API for everything, so all driver calls but these are kept.

use profiler_trace::records::gpu::Api;

/// `cuCtxGetCurrent`, `cuCtxSetCurrent`, push and pop (cudarc calls one before every operation),
/// and queries.
pub(super) const DRIVER: [u32; 16] = [9, 16, 85, 120, 125, 303, 304, 310, 323, 324, 392, 450, 499, 500, 677, 686];
/// `cudaGetLastError`, `cudaPeekAtLastError`, `cudaSetDevice`, `cudaGetDevice`, `cudaEventQuery`.
pub(super) const RUNTIME: [u32; 5] = [10, 11, 16, 17, 138];

/// Returns whether calls of a function are ignored.
pub(super) fn is_ignored(api: Api, function: u32) -> bool {
    match api {
        Api::Driver => DRIVER.contains(&function),
        Api::Runtime => RUNTIME.contains(&function),
    }
}
