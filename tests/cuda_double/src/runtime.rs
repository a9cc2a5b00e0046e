//! The part of the runtime API that is needed for calls of it around calls of the driver API.

use std::ffi::{c_int, c_void};

use crate::memory::{cuMemcpyDtoHAsync_v2, cuMemcpyHtoDAsync_v2, cuMemsetD8Async};
use crate::streams::{Stream, cuStreamSynchronize};
use crate::works::runtime_call;

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudaMemsetAsync(start: *mut c_void, value: c_int, bytes: usize, stream: Stream) -> c_int {
    let address = start.expose_provenance() as u64;
    // SAFETY: the arguments are passed on unchanged.
    runtime_call(51, || unsafe { cuMemsetD8Async(address, value as u8, bytes, stream) })
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudaMemcpyAsync(
    to: *mut c_void,
    from: *const c_void,
    bytes: usize,
    kind: c_int,
    stream: Stream,
) -> c_int {
    let inner = || {
        // SAFETY: the arguments are passed on unchanged.
        unsafe {
            if kind == 1 {
                cuMemcpyHtoDAsync_v2(to.expose_provenance() as u64, from, bytes, stream)
            } else {
                cuMemcpyDtoHAsync_v2(to, from.expose_provenance() as u64, bytes, stream)
            }
        }
    };
    runtime_call(41, inner)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cudaStreamSynchronize(stream: Stream) -> c_int {
    // SAFETY: the arguments are passed on unchanged.
    runtime_call(131, || unsafe { cuStreamSynchronize(stream) })
}
