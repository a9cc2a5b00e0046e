//! A double of libcupti: lays records out as CUPTI 11.7 to 13.5 do, and misbehaves on request.
//!
//! `CUPTI_DOUBLE_VERSION` selects the version (`12.9`), `CUPTI_DOUBLE_FAIL` a call that fails
//! (`cuptiSubscribe=39`), `CUPTI_DOUBLE_ORDER=reversed` the order of buffers, and
//! `CUPTI_DOUBLE_LOG` a file for the calls that switch something. A test launches work by the
//! `double_*` functions ([`launch`]), or the double of libcuda reports it ([`driver`]).

mod device;
pub mod driver;
pub mod launch;
mod layout;

use std::ffi::{CStr, c_char, c_void};
use std::fs::OpenOptions;
use std::io::Write;
use std::ptr;

use device::{Complete, PUSHED, Request, now, shared};
use layout::{Version, kind};

const MAX_LIMIT_REACHED: i32 = 12;
const INVALID_KIND: i32 = 21;
const QUEUE_EMPTY: i32 = 22;

/// Logs a call, and returns the code with which it has to fail, or 0.
fn outcome(call: &str, argument: &str) -> i32 {
    if let Some(path) = std::env::var_os("CUPTI_DOUBLE_LOG")
        && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path)
    {
        let _ = file.write_all(format!("{call}{argument}\n").as_bytes());
    }
    let fails = std::env::var("CUPTI_DOUBLE_FAIL").unwrap_or_default();
    fails.split_once('=').filter(|(name, _)| *name == call).and_then(|(_, code)| code.parse().ok()).unwrap_or(0)
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiGetVersion(version: *mut u32) -> i32 {
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *version = Version::chosen().number };
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiGetTimestamp(time: *mut u64) -> i32 {
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *time = now() };
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiSubscribe(handle: *mut *mut c_void, _: *const c_void, _: *mut c_void) -> i32 {
    let code = outcome("cuptiSubscribe", "");
    if code != 0 {
        return code;
    }
    if shared(|shared| std::mem::replace(&mut shared.subscribed, true)) {
        return 39;
    }
    // SAFETY: the caller passes a valid pointer for the handle.
    unsafe { *handle = ptr::without_provenance_mut(1) };
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiUnsubscribe(_: *mut c_void) -> i32 {
    shared(|shared| shared.subscribed = false);
    outcome("cuptiUnsubscribe", "")
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiSetThreadIdType(kind: u32) -> i32 {
    shared(|shared| shared.system_threads = kind == 1);
    outcome("cuptiSetThreadIdType", "")
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityRegisterCallbacks(request: Request, complete: Complete) -> i32 {
    shared(|shared| shared.callbacks = Some((request, complete)));
    outcome("cuptiActivityRegisterCallbacks", "")
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityEnable(kind: u32) -> i32 {
    let code = outcome("cuptiActivityEnable", &format!(" {kind}"));
    if code == 0 {
        shared(|shared| shared.enabled.insert(kind));
    }
    code
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityDisable(kind: u32) -> i32 {
    shared(|shared| shared.enabled.remove(&kind));
    outcome("cuptiActivityDisable", &format!(" {kind}"))
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityEnableRuntimeApi(function: u32, on: u8) -> i32 {
    switch(kind::RUNTIME, function, on)
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityEnableDriverApi(function: u32, on: u8) -> i32 {
    switch(kind::DRIVER, function, on)
}

fn switch(api: u32, function: u32, on: u8) -> i32 {
    shared(|shared| {
        if on == 0 {
            shared.switched_off.insert((api, function));
        } else {
            shared.switched_off.remove(&(api, function));
        }
    });
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityFlushAll(flag: u32) -> i32 {
    device::flush();
    outcome("cuptiActivityFlushAll", &format!(" {flag}"))
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityGetNextRecord(buffer: *mut u8, valid: usize, record: *mut *mut u8) -> i32 {
    let version = Version::chosen();
    // SAFETY: the caller passes null or the previous record, which lies in the buffer.
    let next = unsafe {
        if (*record).is_null() {
            buffer
        } else {
            let kind = (*record).cast::<u32>().read_unaligned();
            let Some(length) = version.length(kind) else { return INVALID_KIND };
            (*record).add(length)
        }
    };
    if next.addr() >= buffer.addr() + valid {
        return MAX_LIMIT_REACHED;
    }
    // SAFETY: as above; `next` lies in the buffer.
    unsafe { *record = next };
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityGetNumDroppedRecords(_: *mut c_void, _: u32, count: *mut usize) -> i32 {
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *count = shared(|shared| std::mem::take(&mut shared.dropped)) };
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityPushExternalCorrelationId(kind: u32, id: u64) -> i32 {
    PUSHED.with_borrow_mut(|pushed| pushed.entry(kind).or_default().push(id));
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityPopExternalCorrelationId(kind: u32, last: *mut u64) -> i32 {
    let Some(id) = PUSHED.with_borrow_mut(|pushed| pushed.entry(kind).or_default().pop()) else { return QUEUE_EMPTY };
    // SAFETY: the caller passes a valid pointer for the number.
    unsafe { *last = id };
    0
}

/// # Safety
/// The requirements of CUPTI's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiGetCallbackName(domain: u32, function: u32, name: *mut *const c_char) -> i32 {
    let Some(text) = name_of(domain, function) else { return 1 };
    // SAFETY: the caller passes a valid pointer for the pointer.
    unsafe { *name = text.as_ptr() };
    0
}

/// Returns CUPTI's name for a function that the doubles have.
fn name_of(domain: u32, function: u32) -> Option<&'static CStr> {
    Some(match (domain, function) {
        (1, 17) => c"cuCtxSynchronize",
        (1, 38) => c"cuMemFreeHost",
        (1, 119) => c"cuEventRecord",
        (1, 121) => c"cuEventSynchronize",
        (1, 126) => c"cuStreamSynchronize",
        (1, 243) => c"cuMemAlloc_v2",
        (1, 245) => c"cuMemFree_v2",
        (1, 277) => c"cuMemcpyHtoDAsync_v2",
        (1, 279) => c"cuMemcpyDtoHAsync_v2",
        (1, 281) => c"cuMemcpyDtoDAsync_v2",
        (1, 283) => c"cuMemsetD8Async",
        (1, 294) => c"cuMemAllocHost_v2",
        (1, 295) => c"cuStreamWaitEvent",
        (1, 307) => c"cuLaunchKernel",
        (1, 371) => c"cuMemAllocManaged",
        (1, 514) => c"cuGraphLaunch",
        (1, 598) => c"cuMemAllocAsync",
        (1, 600) => c"cuMemFreeAsync",
        (2, 41) => c"cudaMemcpyAsync_v3020",
        (2, 51) => c"cudaMemsetAsync_v3020",
        (2, 131) => c"cudaStreamSynchronize_v3020",
        (2, 211) => c"cudaLaunchKernel_v7000",
        _ => return None,
    })
}
