//! What the double of libcuda reports: calls that a program made, and what the device did because
//! of them.
//!
//! A real driver tells CUPTI by a way of its own; the doubles use these functions.

use std::ffi::c_char;

use crate::device::{call, emit};
use crate::launch::{copy, fill, kernel, memory};
use crate::layout::{Version, kind};

/// A call of the driver API; inside one of the runtime API where `outer` is that call's correlation
/// id. Returns the correlation id.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_driver_call(function: u32, outer: u32) -> u32 {
    call(kind::DRIVER, function, (outer != 0).then_some(outer))
}

/// A call of the runtime API. Returns the correlation id.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_runtime_call(function: u32) -> u32 {
    call(kind::RUNTIME, function, None)
}

/// When, where and for whom something ran.
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

/// A kernel has run.
///
/// # Safety
/// `name` is a string for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_kernel(name: *const c_char, ran: Ran) {
    kernel(name, ran.stream, ran.times(), ran.correlation, ran.graph());
}

/// A copy has run: its kind, and the kinds of memory from and to.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_copy(copied: u8, from: u8, to: u8, bytes: u64, ran: Ran) {
    copy([copied, from, to], bytes, ran.stream, ran.times(), ran.correlation, ran.graph());
}

/// A fill has run.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_fill(bytes: u64, ran: Ran) {
    fill(bytes, ran.stream, ran.times(), ran.correlation, ran.graph());
}

/// Memory of a kind was taken (`operation` 1) or given back (2).
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_memory(operation: u32, of: u32, address: u64, bytes: u64, correlation: u32) {
    memory(operation, of, (address, bytes), correlation);
}

/// A wait is over: 1 for an event, 2 of a stream for an event, 3 for a stream, 4 for a context.
///
/// # Safety
/// None needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn double_ran_wait(wait: u32, ran: Ran) {
    let record = Version::chosen().record(kind::SYNCHRONIZATION).u32(4, wait).u64(8, ran.begin).u64(16, ran.end);
    emit(&record.u32(24, ran.correlation).u32(28, 1).u32(32, ran.stream).u32(36, 0));
}
