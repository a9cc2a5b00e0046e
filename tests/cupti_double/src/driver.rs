//! Reports of the double of libcuda: a program's calls, and the device's work for them.
//!
//! A real driver reports to CUPTI by an internal interface. The doubles use these functions.

use std::ffi::c_char;

use crate::device::{call, emit};
use crate::launch::{copy, fill, kernel, memory};
use crate::layout::{Version, kind};

/// Records a call of the driver API. `outer` is the correlation id of the call of the runtime API
/// around it. Returns the correlation id.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_driver_call(function: u32, outer: u32) -> u32 {
    call(kind::DRIVER, function, (outer != 0).then_some(outer))
}

/// Records a call of the runtime API. Returns the correlation id.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_runtime_call(function: u32) -> u32 {
    call(kind::RUNTIME, function, None)
}

/// Times, stream and correlation id of work that ran.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    begin: u64,
    end: u64,
    stream: u32,
    correlation: u32,
    graph: u32,
    node: u32,
}

impl Ran {
    fn times(self) -> (u64, u64) {
        (self.begin, self.end)
    }

    fn graph(self) -> (u32, u64) {
        (self.graph, u64::from(self.node))
    }
}

/// Records a kernel.
///
/// # Safety
/// `name` is a valid C string until the process ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_kernel(name: *const c_char, ran: Ran) {
    kernel(name, ran.stream, ran.times(), ran.correlation, ran.graph());
}

/// Records a copy: its kind, and the kinds of the source's and the target's memory.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_copy(copied: u8, from: u8, to: u8, bytes: u64, ran: Ran) {
    copy([copied, from, to], bytes, ran.stream, ran.times(), ran.correlation, ran.graph());
}

/// Records a fill.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_fill(bytes: u64, ran: Ran) {
    fill(bytes, ran.stream, ran.times(), ran.correlation, ran.graph());
}

/// Records memory of a kind that was allocated (`operation` 1) or freed (2).
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_memory(operation: u32, of: u32, address: u64, bytes: u64, correlation: u32) {
    memory(operation, of, (address, bytes), correlation);
}

/// Records a wait: 1 for an event, 2 of a stream for an event, 3 for a stream, 4 for a context.
///
/// # Safety
/// There are no requirements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_wait(wait: u32, ran: Ran) {
    let record = Version::chosen().record(kind::SYNCHRONIZATION).u32(4, wait).u64(8, ran.begin).u64(16, ran.end);
    emit(&record.u32(24, ran.correlation).u32(28, 1).u32(32, ran.stream).u32(36, 0));
}
