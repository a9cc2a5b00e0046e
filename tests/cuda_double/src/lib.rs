//! A double of libcuda: the functions that the profiler calls, and a log of the relevant calls.
//!
//! It has the real interface and shares no code with the profiler. `CUDA_DOUBLE_LOG` is the path of
//! the log, which has one function per line; `{pid}` in it stands for the process id.
//! `CUDA_DOUBLE_DEVICES` is the number of devices (1). A device's primary context exists from its
//! first `cuDevicePrimaryCtxRetain` on, as in CUDA; `CUDA_DOUBLE_CONTEXT=1` creates one before the
//! first call. Streams, events and their clock are in [`streams`]. `CUDA_DOUBLE_DEVICE=works`
//! creates a device that runs kernels, copies and graphs by itself and reports them to the double
//! of CUPTI.

pub mod graphs;
pub mod memory;
pub mod runtime;
pub mod streams;
pub mod work;
mod works;

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::fs::OpenOptions;
use std::io::Write;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

type Context = *mut c_void;

const INVALID_VALUE: c_int = 1;
const NOT_INITIALIZED: c_int = 3;
const NO_DEVICE: c_int = 100;
const INVALID_DEVICE: c_int = 101;
const INVALID_CONTEXT: c_int = 201;
/// Maximum number of devices.
const MAX_DEVICES: usize = 8;

static INITIALIZED: AtomicBool = AtomicBool::new(false);
/// Number of users of each device's primary context.
static RETAINED: [AtomicI32; MAX_DEVICES] = [const { AtomicI32::new(0) }; MAX_DEVICES];
/// Bytes whose addresses are the primary contexts.
static CONTEXTS: [u8; MAX_DEVICES] = [0; MAX_DEVICES];
/// Bytes whose addresses are the other contexts.
static OTHERS: [u8; MAX_DEVICES] = [1; MAX_DEVICES];

thread_local! {
    /// Current contexts of this thread, the innermost first.
    static CURRENT: Cell<[usize; 4]> = const { Cell::new([0; 4]) };
}

/// Returns the device of a context.
fn device_of(context: usize) -> Option<usize> {
    let starts = [CONTEXTS.as_ptr().addr(), OTHERS.as_ptr().addr()];
    starts.into_iter().find_map(|start| context.checked_sub(start).filter(|device| *device < MAX_DEVICES))
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxCreate_v2(context: *mut Context, _flags: c_uint, device: c_int) -> c_int {
    let Some(place) = usize::try_from(device).ok().filter(|device| *device < MAX_DEVICES) else {
        return INVALID_DEVICE;
    };
    // SAFETY: the caller passes a valid pointer for the context.
    unsafe {
        *context = (&raw const OTHERS[place]).cast_mut().cast();
        cuCtxPushCurrent_v2(*context)
    }
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetDevice(device: *mut c_int) -> c_int {
    let Some(place) = device_of(CURRENT.get()[0]) else { return INVALID_CONTEXT };
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *device = c_int::try_from(place).unwrap_or(0) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetCurrent(context: Context) -> c_int {
    let [_, second, third, fourth] = CURRENT.get();
    CURRENT.set([context.expose_provenance(), second, third, fourth]);
    0
}

/// Returns the number of users of a device's primary context.
#[unsafe(no_mangle)]
pub extern "C" fn double_users(device: c_int) -> c_int {
    usize::try_from(device).ok().and_then(|device| RETAINED.get(device)).map_or(0, |users| users.load(Ordering::SeqCst))
}

fn log(call: &str) {
    let Ok(path) = std::env::var("CUDA_DOUBLE_LOG") else { return };
    let path = path.replace("{pid}", &std::process::id().to_string());
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = file.write_all(format!("{call}\n").as_bytes());
    }
}

fn devices() -> c_int {
    std::env::var("CUDA_DOUBLE_DEVICES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuInit(_flags: c_uint) -> c_int {
    if devices() == 0 {
        return NO_DEVICE;
    }
    if !INITIALIZED.swap(true, Ordering::SeqCst) && std::env::var_os("CUDA_DOUBLE_CONTEXT").is_some() {
        RETAINED[0].fetch_add(1, Ordering::SeqCst);
    }
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> c_int {
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *version = 12_080 };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> c_int {
    if !INITIALIZED.load(Ordering::SeqCst) {
        return NOT_INITIALIZED;
    }
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *count = devices() };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> c_int {
    if !(0..devices()).contains(&ordinal) {
        return INVALID_DEVICE;
    }
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *device = ordinal };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, length: c_int, _device: c_int) -> c_int {
    let text = c"Double GPU";
    let bytes = text.to_bytes_with_nul();
    if usize::try_from(length).unwrap_or(0) >= bytes.len() {
        // SAFETY: the caller passes room for `length` bytes.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), name.cast(), bytes.len()) };
    }
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, _device: c_int) -> c_int {
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *bytes = 16 << 30 };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, _device: c_int) -> c_int {
    let number = match attribute {
        1 => 1024,
        8 => 49_152,
        10 => 32,
        12 | 82 => 65_536,
        13 => work::CLOCK_KHZ,
        16 => 100,
        39 => 2048,
        75 => 9,
        76 => 0,
        81 => 233_472,
        97 => 232_448,
        106 => 32,
        111 => 1024,
        115 => 0,
        _ => return 1,
    };
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *value = number };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxGetState(device: c_int, flags: *mut c_uint, active: *mut c_int) -> c_int {
    let Some(retained) = usize::try_from(device).ok().and_then(|device| RETAINED.get(device)) else {
        return INVALID_DEVICE;
    };
    // SAFETY: the caller passes valid pointers for the numbers.
    unsafe {
        *flags = 0;
        *active = c_int::from(retained.load(Ordering::SeqCst) > 0);
    }
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut Context, device: c_int) -> c_int {
    let Some(place) = usize::try_from(device).ok().filter(|device| *device < MAX_DEVICES) else {
        return INVALID_DEVICE;
    };
    RETAINED[place].fetch_add(1, Ordering::SeqCst);
    // SAFETY: the caller passes a valid pointer for the context.
    unsafe { *context = (&raw const CONTEXTS[place]).cast_mut().cast() };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> c_int {
    let Some(place) = usize::try_from(device).ok().filter(|device| *device < MAX_DEVICES) else {
        return INVALID_DEVICE;
    };
    RETAINED[place].fetch_sub(1, Ordering::SeqCst);
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetCurrent(context: *mut Context) -> c_int {
    // SAFETY: the caller passes a valid pointer for the context.
    unsafe { *context = ptr::with_exposed_provenance_mut(CURRENT.get()[0]) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxPushCurrent_v2(context: Context) -> c_int {
    let [first, second, third, _] = CURRENT.get();
    CURRENT.set([context.expose_provenance(), first, second, third]);
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxPopCurrent_v2(context: *mut Context) -> c_int {
    let [first, second, third, fourth] = CURRENT.get();
    CURRENT.set([second, third, fourth, 0]);
    // SAFETY: the caller passes a valid pointer for the context.
    unsafe { *context = ptr::with_exposed_provenance_mut(first) };
    if first == 0 { INVALID_CONTEXT } else { 0 }
}

fn in_context(call: &str) -> c_int {
    if CURRENT.get()[0] == 0 {
        log(&format!("{call} without a context"));
        return INVALID_CONTEXT;
    }
    log(call);
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSynchronize() -> c_int {
    works::wait(17, 4, u32::MAX, works::wait_for_all);
    in_context("cuCtxSynchronize")
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuProfilerStart() -> c_int {
    in_context("cuProfilerStart")
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuProfilerStop() -> c_int {
    in_context("cuProfilerStop")
}
