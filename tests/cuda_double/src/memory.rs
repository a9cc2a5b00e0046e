//! Memory: addresses that cannot be accessed. On a device that works by itself, it is host memory.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::streams::Stream;
use crate::work::Work;
use crate::works::{self, works};

static NEXT: AtomicU64 = AtomicU64::new(0x7_0000_0000);
/// Size, and CUPTI's kind, of each allocation.
static ALLOCATIONS: Mutex<Option<HashMap<u64, (usize, u32)>>> = Mutex::new(None);

const OUT_OF_MEMORY: c_int = 2;
/// CUPTI's kinds of memory.
const PAGEABLE: u32 = 1;
const PINNED: u32 = 2;
const DEVICE: u32 = 3;
const MANAGED: u32 = 5;

fn with_allocations<R>(f: impl FnOnce(&mut HashMap<u64, (usize, u32)>) -> R) -> Option<R> {
    ALLOCATIONS.lock().ok().map(|mut allocations| f(allocations.get_or_insert_default()))
}

/// Allocates memory of a kind by the function of this number.
fn allocate(function: u32, kind: u32, bytes: usize) -> Option<u64> {
    let rounded = bytes.max(1).next_multiple_of(512);
    if !works() {
        return Some(NEXT.fetch_add(rounded as u64, Ordering::SeqCst));
    }
    // SAFETY: the layout is not empty.
    let start = unsafe { alloc_zeroed(Layout::from_size_align(rounded, 512).ok()?) };
    if start.is_null() {
        return None;
    }
    let address = start.expose_provenance() as u64;
    with_allocations(|allocations| allocations.insert(address, (rounded, kind)));
    works::memory(function, 1, kind, address, bytes as u64);
    Some(address)
}

fn free(function: u32, address: u64) -> c_int {
    let Some((bytes, kind)) = with_allocations(|allocations| allocations.remove(&address)).flatten() else { return 0 };
    works::memory(function, 2, kind, address, bytes as u64);
    if let Ok(layout) = Layout::from_size_align(bytes, 512) {
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(ptr::with_exposed_provenance_mut(address as usize), layout) };
    }
    0
}

/// Returns CUPTI's kind of memory for copies.
fn kind_of(address: u64) -> u8 {
    let found = with_allocations(|allocations| {
        let within =
            |(start, (bytes, _)): &(&u64, &(usize, u32))| (**start..**start + *bytes as u64).contains(&address);
        allocations.iter().find(within).map(|(_, (_, kind))| *kind)
    });
    found.flatten().unwrap_or(PAGEABLE) as u8
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> c_int {
    // SAFETY: the caller passes a valid pointer for the address.
    allocate(243, DEVICE, bytes).map_or(OUT_OF_MEMORY, |new| unsafe {
        *address = new;
        0
    })
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFree_v2(address: u64) -> c_int {
    free(245, address)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocAsync(address: *mut u64, bytes: usize, _stream: Stream) -> c_int {
    // SAFETY: the caller passes a valid pointer for the address.
    allocate(598, DEVICE, bytes).map_or(OUT_OF_MEMORY, |new| unsafe {
        *address = new;
        0
    })
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeAsync(address: u64, _stream: Stream) -> c_int {
    free(600, address)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocHost_v2(start: *mut *mut c_void, bytes: usize) -> c_int {
    // SAFETY: the caller passes a valid pointer for the address.
    allocate(294, PINNED, bytes).map_or(OUT_OF_MEMORY, |new| unsafe {
        *start = ptr::with_exposed_provenance_mut(new as usize);
        0
    })
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeHost(start: *mut c_void) -> c_int {
    free(38, start.expose_provenance() as u64)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocManaged(address: *mut u64, bytes: usize, _flags: c_uint) -> c_int {
    // SAFETY: the caller passes a valid pointer for the address.
    allocate(371, MANAGED, bytes).map_or(OUT_OF_MEMORY, |new| unsafe {
        *address = new;
        0
    })
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8Async(address: u64, value: c_uchar, bytes: usize, stream: Stream) -> c_int {
    Work::Fill { address: address as usize, value, bytes }.submit(stream)
}

fn copy(direction: u8, from: u64, to: u64, bytes: usize, stream: Stream) -> c_int {
    let kinds = [direction, kind_of(from), kind_of(to)];
    Work::Copy { kinds, from: from as usize, to: to as usize, bytes }.submit(stream)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, bytes: usize, stream: Stream) -> c_int {
    copy(1, from.expose_provenance() as u64, to, bytes, stream)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, bytes: usize, stream: Stream) -> c_int {
    copy(2, from, to.expose_provenance() as u64, bytes, stream)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: Stream) -> c_int {
    copy(8, from, to, bytes, stream)
}
