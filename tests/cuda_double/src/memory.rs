//! Device memory, for programs that allocate some: addresses that nobody may follow.

use std::ffi::{c_int, c_uchar, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0x7_0000_0000);

/// # Safety
/// As in CUDA.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> c_int {
    let bytes = (bytes as u64).next_multiple_of(512);
    // SAFETY: the caller passes a place for the address.
    unsafe { *address = NEXT.fetch_add(bytes, Ordering::SeqCst) };
    0
}

/// # Safety
/// As in CUDA.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFree_v2(_address: u64) -> c_int {
    0
}

/// # Safety
/// As in CUDA.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8Async(_address: u64, _value: c_uchar, _count: usize, _stream: *mut c_void) -> c_int {
    0
}
