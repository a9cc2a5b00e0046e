//! Work that a test launches on the device behind the double.

use std::ffi::c_char;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::device::{call, emit, now, run};
use crate::layout::{Version, kind};

/// Launches a kernel on a stream by the driver API, or by the runtime API around the driver API if
/// `runtime` is not 0.
///
/// # Safety
/// `name` is a valid C string until the process ends.
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

/// Launches a graph: one call, and many kernels, which overlap on their stream.
///
/// # Safety
/// `name` is a valid C string until the process ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_graph(name: *const c_char, stream: u32, kernels: u32) {
    let correlation = call(kind::DRIVER, 514, None);
    let (begin, _) = run(stream, u64::from(kernels) * 1000 + 2000);
    for node in 0..kernels {
        let begin = begin + u64::from(node) * 1000;
        kernel(name, stream, (begin, begin + 1500), correlation, (5, u64::from(node) + 1));
    }
}

/// Launches a kernel that still runs at the flush, so that it has no end.
///
/// # Safety
/// `name` is a valid C string until the process ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_unfinished(name: *const c_char, stream: u32) {
    let correlation = call(kind::DRIVER, 307, None);
    kernel(name, stream, (now(), 0), correlation, (0, 0));
}

/// Device on which kernels run.
static DEVICE: AtomicU32 = AtomicU32::new(0);

/// Sets the device on which later kernels run.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_choose_device(device: u32) {
    DEVICE.store(device, Ordering::SeqCst);
}

/// Writes a kernel's record.
pub(crate) fn kernel(name: *const c_char, stream: u32, (begin, end): (u64, u64), correlation: u32, graph: (u32, u64)) {
    let version = Version::chosen();
    let mut record = version.record(kind::KERNEL).u16(6, 40).u64(16, begin).u64(24, end);
    let device = DEVICE.load(Ordering::SeqCst);
    record = record.u32(40, device).u32(44, device + 1).u32(48, stream).u32(92, correlation);
    for (at, number) in [(52, 200), (56, 2), (60, 1), (64, 128), (68, 1), (72, 1), (76, 1024), (80, 4096)] {
        record = record.u32(at, number);
    }
    record = record.u64(104, name.expose_provenance() as u64).u64(120, 0).u64(144, graph.1).u32(156, graph.0);
    if version.number >= 130_101 {
        record = record.u32(216, (-1i32).cast_unsigned());
    }
    emit(&record);
}

/// Writes a copy's record: its kind, and the kinds of the source's and the target's memory.
pub(crate) fn copy(
    kinds: [u8; 3],
    bytes: u64,
    stream: u32,
    (begin, end): (u64, u64),
    correlation: u32,
    graph: (u32, u64),
) {
    let [copy, from, to] = kinds;
    let record = Version::chosen().record(kind::COPY).u8(4, copy).u8(5, from).u8(6, to).u64(8, bytes);
    let record = record.u64(16, begin).u64(24, end).u32(32, 0).u32(36, 1).u32(40, stream);
    emit(&record.u32(44, correlation).u64(64, graph.1).u32(72, graph.0));
}

/// Writes a fill's record.
pub(crate) fn fill(bytes: u64, stream: u32, (begin, end): (u64, u64), correlation: u32, graph: (u32, u64)) {
    let record = Version::chosen().record(kind::FILL).u64(8, bytes).u64(16, begin).u64(24, end).u32(32, 0);
    let record = record.u32(36, 1).u32(40, stream).u32(44, correlation).u16(50, 3);
    emit(&record.u64(64, graph.1).u32(72, graph.0));
}

/// Writes the record of memory that was allocated (`operation` 1) or freed (2).
pub(crate) fn memory(operation: u32, memory: u32, (address, bytes): (u64, u64), correlation: u32) {
    let record = Version::chosen().record(kind::MEMORY).u32(4, operation).u32(8, memory).u32(12, correlation);
    emit(&record.u64(16, address).u64(24, bytes).u64(32, now()).u32(48, std::process::id()).u32(52, 0));
}

/// Launches a copy from pageable host memory.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_copy(stream: u32, bytes: u64, duration: u64) {
    let correlation = call(kind::DRIVER, 277, None);
    copy([1, 1, 3], bytes, stream, run(stream, duration), correlation, (0, 0));
}

/// Launches a copy from device 0 to device 1.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_peer_copy(stream: u32, bytes: u64, duration: u64) {
    let correlation = call(kind::DRIVER, 277, None);
    let (begin, end) = run(stream, duration);
    let record = Version::chosen().record(kind::PEER_COPY).u8(4, 10).u8(5, 3).u8(6, 3).u64(8, bytes);
    let record = record.u64(16, begin).u64(24, end).u32(32, 0).u32(36, 1).u32(40, stream);
    let record = record.u32(44, 0).u32(48, 1).u32(52, 1).u32(56, 2).u32(60, correlation);
    emit(&record.u64(72, 0).u32(80, 0));
}

/// Launches a fill.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_fill(stream: u32, bytes: u64, duration: u64) {
    let correlation = call(kind::DRIVER, 283, None);
    fill(bytes, stream, run(stream, duration), correlation, (0, 0));
}

/// Allocates (`operation` 1) or frees (2) memory.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_memory(operation: u32, address: u64, bytes: u64) {
    let correlation = call(kind::DRIVER, if operation == 1 { 598 } else { 600 }, None);
    memory(operation, 3, (address, bytes), correlation);
}

/// Waits for a stream, after calls that are frequent and carry no information.
///
/// # Safety
/// There are no requirements.
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

/// Records an event on a stream.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_record_event(stream: u32, event: u32) {
    let correlation = call(kind::DRIVER, 119, None);
    let record = Version::chosen().record(kind::CUDA_EVENT).u32(4, correlation).u32(8, 1);
    emit(&record.u32(12, stream).u32(16, event));
}

/// Lets a stream wait for an event, or the host if `stream` is `u32::MAX`.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_wait_for_event(stream: u32, event: u32) {
    let (function, how) = if stream == u32::MAX { (121, 1) } else { (295, 2) };
    let begin = now();
    let correlation = call(kind::DRIVER, function, None);
    let record = Version::chosen().record(kind::SYNCHRONIZATION).u32(4, how).u64(8, begin).u64(16, now());
    emit(&record.u32(24, correlation).u32(28, 1).u32(32, stream).u32(36, event));
}
