//! The beginnings of CUPTI's records, as far as every version from 11.7 to 13.5 agrees on them.
//!
//! Records only ever grew at their ends, so a prefix reads them all; libcupti itself walks from one to the next and knows
//! their lengths. Offsets were measured on sixteen libraries; the assertions hold them.

#![allow(dead_code, reason = "fields that nobody reads hold the place of those that somebody does; Rust 1.88 warns")]

use std::ffi::c_char;
use std::mem::offset_of;

/// Kernels: `CONCURRENT_KERNEL` and `KERNEL`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct KernelRecord {
    kind: u32,
    cache: [u8; 2],
    pub(super) registers: u16,
    partitioned: [u32; 2],
    pub(super) start: u64,
    pub(super) end: u64,
    completed: u64,
    pub(super) device: u32,
    pub(super) context: u32,
    pub(super) stream: u32,
    pub(super) grid: [u32; 3],
    pub(super) block: [u32; 3],
    pub(super) static_shared: u32,
    pub(super) dynamic_shared: u32,
    local: [u32; 2],
    pub(super) correlation: u32,
    grid_id: i64,
    pub(super) name: *const c_char,
    reserved: u64,
    pub(super) queued: u64,
    submitted: u64,
    launch: [u32; 2],
    pub(super) graph_node: u64,
    shared_limit: u32,
    pub(super) graph: u32,
    policy: u64,
    channel: [u32; 2],
}

/// Where newer kernel records hold the priority of their stream, and since which version.
pub(super) const PRIORITY: (usize, u32) = (216, 130_101);

/// Copies on a device, or between it and the host.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CopyRecord {
    kind: u32,
    pub(super) copy: u8,
    pub(super) from: u8,
    pub(super) to: u8,
    flags: u8,
    pub(super) bytes: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) device: u32,
    pub(super) context: u32,
    pub(super) stream: u32,
    pub(super) correlation: u32,
    runtime_correlation: u32,
    padding: u32,
    reserved: u64,
    pub(super) graph_node: u64,
    pub(super) graph: u32,
    channel: [u32; 2],
    end_padding: u32,
}

/// Copies between devices.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct PeerCopyRecord {
    kind: u32,
    pub(super) copy: u8,
    pub(super) from: u8,
    pub(super) to: u8,
    flags: u8,
    pub(super) bytes: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) device: u32,
    pub(super) context: u32,
    pub(super) stream: u32,
    pub(super) source_device: u32,
    source_context: u32,
    pub(super) target_device: u32,
    target_context: u32,
    pub(super) correlation: u32,
    reserved: u64,
    pub(super) graph_node: u64,
    pub(super) graph: u32,
    channel: [u32; 3],
}

/// Fills.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FillRecord {
    kind: u32,
    value: u32,
    pub(super) bytes: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) device: u32,
    pub(super) context: u32,
    pub(super) stream: u32,
    pub(super) correlation: u32,
    flags: u16,
    pub(super) memory: u16,
    padding: u32,
    reserved: u64,
    pub(super) graph_node: u64,
    pub(super) graph: u32,
    channel: [u32; 3],
}

/// Device memory taken or given back.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct MemoryRecord {
    kind: u32,
    /// 1 taken, 2 given back.
    pub(super) operation: u32,
    pub(super) memory: u32,
    pub(super) correlation: u32,
    pub(super) address: u64,
    pub(super) bytes: u64,
    pub(super) at: u64,
    pc: u64,
    process: u32,
    pub(super) device: u32,
    context: u32,
    stream: u32,
    name: u64,
}

/// Calls of the driver or runtime API.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CallRecord {
    kind: u32,
    pub(super) function: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    process: u32,
    pub(super) thread: u32,
    pub(super) correlation: u32,
    result: u32,
}

/// The id that was pushed last when a call was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct LinkRecord {
    kind: u32,
    pub(super) id_kind: u32,
    pub(super) id: u64,
    pub(super) correlation: u32,
    reserved: u32,
}

/// Waits.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct WaitRecord {
    kind: u32,
    pub(super) wait: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) correlation: u32,
    pub(super) context: u32,
    pub(super) stream: u32,
    pub(super) event: u32,
}

/// An event was recorded.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CudaEventRecord {
    kind: u32,
    pub(super) correlation: u32,
    pub(super) context: u32,
    pub(super) stream: u32,
    pub(super) event: u32,
    padding: u32,
}

/// Time that CUDA or CUPTI spent on itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct OverheadRecord {
    kind: u32,
    pub(super) overhead: u32,
    object: [u32; 4],
    pub(super) start: u64,
    pub(super) end: u64,
}

const _: () = {
    assert!(offset_of!(KernelRecord, registers) == 6 && offset_of!(KernelRecord, start) == 16);
    assert!(offset_of!(KernelRecord, device) == 40 && offset_of!(KernelRecord, grid) == 52);
    assert!(offset_of!(KernelRecord, static_shared) == 76 && offset_of!(KernelRecord, correlation) == 92);
    assert!(offset_of!(KernelRecord, name) == 104 && offset_of!(KernelRecord, queued) == 120);
    assert!(offset_of!(KernelRecord, graph_node) == 144 && offset_of!(KernelRecord, graph) == 156);
    assert!(size_of::<KernelRecord>() == 176);
    assert!(offset_of!(CopyRecord, correlation) == 44 && offset_of!(CopyRecord, graph_node) == 64);
    assert!(size_of::<CopyRecord>() == 88);
    assert!(offset_of!(PeerCopyRecord, correlation) == 60 && size_of::<PeerCopyRecord>() == 96);
    assert!(offset_of!(FillRecord, memory) == 50 && offset_of!(FillRecord, graph) == 72);
    assert!(size_of::<FillRecord>() == 88);
    assert!(offset_of!(MemoryRecord, address) == 16 && offset_of!(MemoryRecord, device) == 52);
    assert!(offset_of!(CallRecord, thread) == 28 && size_of::<CallRecord>() == 40);
    assert!(offset_of!(LinkRecord, correlation) == 16 && size_of::<LinkRecord>() == 24);
    assert!(offset_of!(CudaEventRecord, event) == 16 && size_of::<CudaEventRecord>() == 24);
    assert!(offset_of!(WaitRecord, event) == 36 && offset_of!(OverheadRecord, start) == 24);
};
