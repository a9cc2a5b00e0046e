//! A libcupti for machines without one: lays records out as CUPTI 11.7 to 13.5 do, and misbehaves on request.
//!
//! `CUPTI_DOUBLE_VERSION` chooses the version (`12.9`), `CUPTI_DOUBLE_FAIL` a call that fails
//! (`cuptiSubscribe=39`), `CUPTI_DOUBLE_ORDER=reversed` the order of buffers, `CUPTI_DOUBLE_LOG` a file for the calls that
//! switch something. What a program would launch, a test launches through the `double_*` functions.

mod device;
mod layout;

use std::ffi::{c_char, c_void};
use std::fs::OpenOptions;
use std::io::Write;
use std::ptr;

use device::{Complete, PUSHED, Request, call, emit, now, run, shared};
use layout::{Version, kind};

const MAX_LIMIT_REACHED: i32 = 12;
const INVALID_KIND: i32 = 21;
const QUEUE_EMPTY: i32 = 22;

/// The code that a call is to fail with, or 0; and a line in the log.
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
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiGetVersion(version: *mut u32) -> i32 {
    // SAFETY: the caller passes a place for the number.
    unsafe { *version = Version::chosen().number };
    0
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiGetTimestamp(time: *mut u64) -> i32 {
    // SAFETY: the caller passes a place for the number.
    unsafe { *time = now() };
    0
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiSubscribe(handle: *mut *mut c_void, _: *const c_void, _: *mut c_void) -> i32 {
    let code = outcome("cuptiSubscribe", "");
    if code != 0 {
        return code;
    }
    if shared(|shared| std::mem::replace(&mut shared.subscribed, true)) {
        return 39;
    }
    // SAFETY: the caller passes a place for the handle.
    unsafe { *handle = ptr::without_provenance_mut(1) };
    0
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiUnsubscribe(_: *mut c_void) -> i32 {
    shared(|shared| shared.subscribed = false);
    outcome("cuptiUnsubscribe", "")
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiSetThreadIdType(kind: u32) -> i32 {
    shared(|shared| shared.system_threads = kind == 1);
    outcome("cuptiSetThreadIdType", "")
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityRegisterCallbacks(request: Request, complete: Complete) -> i32 {
    shared(|shared| shared.callbacks = Some((request, complete)));
    outcome("cuptiActivityRegisterCallbacks", "")
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityEnable(kind: u32) -> i32 {
    let code = outcome("cuptiActivityEnable", &format!(" {kind}"));
    if code == 0 {
        shared(|shared| shared.enabled.insert(kind));
    }
    code
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityDisable(kind: u32) -> i32 {
    shared(|shared| shared.enabled.remove(&kind));
    outcome("cuptiActivityDisable", &format!(" {kind}"))
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityEnableRuntimeApi(function: u32, on: u8) -> i32 {
    switch(kind::RUNTIME, function, on)
}

/// # Safety
/// As in CUPTI.
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
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityFlushAll(flag: u32) -> i32 {
    device::flush();
    outcome("cuptiActivityFlushAll", &format!(" {flag}"))
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityGetNextRecord(buffer: *mut u8, valid: usize, record: *mut *mut u8) -> i32 {
    let version = Version::chosen();
    // SAFETY: the caller passes null or the record before, which lies in the buffer.
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
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityGetNumDroppedRecords(_: *mut c_void, _: u32, count: *mut usize) -> i32 {
    // SAFETY: the caller passes a place for the number.
    unsafe { *count = shared(|shared| std::mem::take(&mut shared.dropped)) };
    0
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityPushExternalCorrelationId(kind: u32, id: u64) -> i32 {
    PUSHED.with_borrow_mut(|pushed| pushed.entry(kind).or_default().push(id));
    0
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiActivityPopExternalCorrelationId(kind: u32, last: *mut u64) -> i32 {
    let Some(id) = PUSHED.with_borrow_mut(|pushed| pushed.entry(kind).or_default().pop()) else { return QUEUE_EMPTY };
    // SAFETY: the caller passes a place for the number.
    unsafe { *last = id };
    0
}

/// # Safety
/// As in CUPTI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuptiGetCallbackName(domain: u32, function: u32, name: *mut *const c_char) -> i32 {
    let text = match (domain, function) {
        (1, 307) => c"cuLaunchKernel",
        (1, 277) => c"cuMemcpyHtoDAsync_v2",
        (1, 283) => c"cuMemsetD8Async",
        (1, 514) => c"cuGraphLaunch",
        (1, 126) => c"cuStreamSynchronize",
        (1, 598) => c"cuMemAllocAsync",
        (1, 599) => c"cuMemFreeAsync",
        (2, 211) => c"cudaLaunchKernel_v7000",
        _ => return 1,
    };
    // SAFETY: the caller passes a place for the pointer.
    unsafe { *name = text.as_ptr() };
    0
}

/// A kernel on a stream, through the driver API; or, if `runtime` is not 0, the runtime API and the driver's inside it.
///
/// # Safety
/// `name` is a string for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_kernel(name: *const c_char, stream: u32, duration: u64, runtime: u32) {
    let correlation = if runtime == 0 {
        call(kind::DRIVER, 307, None)
    } else {
        let outer = call(kind::RUNTIME, 211, None);
        call(kind::DRIVER, 307, Some(outer))
    };
    kernel(name, stream, run(stream, duration), correlation, (0, 0));
    emit(&Version::chosen().record(kind::CONTEXT));
}

/// A graph of kernels: one call, many kernels, which overlap on their stream.
///
/// # Safety
/// `name` is a string for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_graph(name: *const c_char, stream: u32, kernels: u32) {
    let correlation = call(kind::DRIVER, 514, None);
    let (begin, _) = run(stream, u64::from(kernels) * 1000 + 2000);
    for node in 0..kernels {
        let begin = begin + u64::from(node) * 1000;
        kernel(name, stream, (begin, begin + 1500), correlation, (5, u64::from(node) + 1));
    }
}

/// A kernel that still runs at the flush: without an end.
///
/// # Safety
/// `name` is a string for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_unfinished(name: *const c_char, stream: u32) {
    let correlation = call(kind::DRIVER, 307, None);
    kernel(name, stream, (now(), 0), correlation, (0, 0));
}

fn kernel(name: *const c_char, stream: u32, (begin, end): (u64, u64), correlation: u32, graph: (u32, u64)) {
    let version = Version::chosen();
    let mut record = version.record(kind::KERNEL).u16(6, 40).u64(16, begin).u64(24, end);
    record = record.u32(40, 0).u32(44, 1).u32(48, stream).u32(92, correlation);
    for (at, number) in [(52, 200), (56, 2), (60, 1), (64, 128), (68, 1), (72, 1), (76, 1024), (80, 4096)] {
        record = record.u32(at, number);
    }
    record = record.u64(104, name.expose_provenance() as u64).u64(120, 0).u64(144, graph.1).u32(156, graph.0);
    if version.number >= 130_101 {
        record = record.u32(216, (-1i32).cast_unsigned());
    }
    emit(&record);
}

/// A copy from pageable host memory.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_copy(stream: u32, bytes: u64, duration: u64) {
    let correlation = call(kind::DRIVER, 277, None);
    let (begin, end) = run(stream, duration);
    let record = Version::chosen().record(kind::COPY).u8(4, 1).u8(5, 1).u8(6, 3).u64(8, bytes);
    let record = record.u64(16, begin).u64(24, end).u32(32, 0).u32(36, 1).u32(40, stream);
    emit(&record.u32(44, correlation).u64(64, 0).u32(72, 0));
}

/// A copy from device 0 to device 1.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_peer_copy(stream: u32, bytes: u64, duration: u64) {
    let correlation = call(kind::DRIVER, 277, None);
    let (begin, end) = run(stream, duration);
    let record = Version::chosen().record(kind::PEER_COPY).u8(4, 10).u8(5, 3).u8(6, 3).u64(8, bytes);
    let record = record.u64(16, begin).u64(24, end).u32(32, 0).u32(36, 1).u32(40, stream);
    let record = record.u32(44, 0).u32(48, 1).u32(52, 1).u32(56, 2).u32(60, correlation);
    emit(&record.u64(72, 0).u32(80, 0));
}

/// A fill.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_fill(stream: u32, bytes: u64, duration: u64) {
    let correlation = call(kind::DRIVER, 283, None);
    let (begin, end) = run(stream, duration);
    let record = Version::chosen().record(kind::FILL).u64(8, bytes).u64(16, begin).u64(24, end).u32(32, 0);
    emit(&record.u32(36, 1).u32(40, stream).u32(44, correlation).u16(50, 3).u64(64, 0).u32(72, 0));
}

/// Takes memory (`operation` 1) or gives it back (2).
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_memory(operation: u32, address: u64, bytes: u64) {
    let correlation = call(kind::DRIVER, 597 + operation, None);
    let record = Version::chosen().record(kind::MEMORY).u32(4, operation).u32(8, 3).u32(12, correlation);
    emit(&record.u64(16, address).u64(24, bytes).u64(32, now()).u32(52, 0));
}

/// Waits for a stream, after calls that are asked often and say nothing.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_wait(stream: u32) {
    call(kind::DRIVER, 304, None);
    let begin = now();
    let correlation = call(kind::DRIVER, 126, None);
    let record = Version::chosen().record(kind::SYNCHRONIZATION).u32(4, 3).u64(8, begin).u64(16, now());
    emit(&record.u32(24, correlation).u32(28, 1).u32(32, stream).u32(36, 0));
    let record = Version::chosen().record(kind::OVERHEAD).u32(4, 1 << 16).u64(24, begin).u64(32, now());
    emit(&record);
}
