//! Describes the prefixes of CUPTI's records that all versions from 11.7 to 13.5 share.
//!
//! Later versions only appended fields, so a field keeps its offset. libcupti itself iterates over
//! the records and knows their lengths. The offsets were measured with sixteen libraries.

use std::ffi::c_char;

use super::record::Record;

/// Defines a struct with the fields that are read from a kind of record. A row is `field: type =
/// offset;`.
macro_rules! layout {
    ($(#[$about:meta])* $record:ident { $($field:ident: $type:ty = $offset:expr;)* }) => {
        $(#[$about])*
        pub(super) struct $record {
            $(pub(super) $field: $type,)*
        }

        impl $record {
            /// Reads the fields of a record, which must be of this kind.
            pub(super) fn read(record: Record) -> Self {
                Self { $($field: record.read($offset),)* }
            }
        }
    };
}

/// Offsets of the fields that all device work has, in one kind of record.
#[derive(Clone, Copy)]
pub(super) struct OpOffsets {
    /// Offset of device, context and stream, which are adjacent.
    pub(super) device: usize,
    pub(super) correlation: usize,
    pub(super) graph_node: usize,
    pub(super) graph: usize,
}

/// Offsets of begin and end, in all device work.
pub(super) const OP_TIMES: [usize; 2] = [16, 24];
pub(super) const KERNEL: OpOffsets = OpOffsets { device: 40, correlation: 92, graph_node: 144, graph: 156 };
pub(super) const COPY: OpOffsets = OpOffsets { device: 32, correlation: 44, graph_node: 64, graph: 72 };
pub(super) const PEER_COPY: OpOffsets = OpOffsets { device: 32, correlation: 60, graph_node: 72, graph: 80 };
pub(super) const FILL: OpOffsets = OpOffsets { device: 32, correlation: 44, graph_node: 64, graph: 72 };

/// Offset of a kernel's name.
pub(super) const KERNEL_NAME: usize = 104;
/// Offset of a stream's priority in newer kernel records, and the first version with that field.
pub(super) const PRIORITY: (usize, u32) = (216, 130_101);
/// Offset of the number of the called function.
pub(super) const CALL_FUNCTION: usize = 4;

layout! {
    /// Kernels: `CONCURRENT_KERNEL` and `KERNEL`.
    KernelRecord {
        registers: u16 = 6;
        grid: [u32; 3] = 52;
        block: [u32; 3] = 64;
        static_shared: u32 = 76;
        dynamic_shared: u32 = 80;
        name: *const c_char = KERNEL_NAME;
        queued: u64 = 120;
    }
}

layout! {
    /// Copies on a device, between it and the host, or between two devices.
    CopyRecord {
        copy: u8 = 4;
        from: u8 = 5;
        to: u8 = 6;
        bytes: u64 = 8;
    }
}

/// Offsets of the source and the destination of a copy between devices.
pub(super) const PEERS: [usize; 2] = [44, 52];

layout! {
    /// Fills.
    FillRecord {
        bytes: u64 = 8;
        memory: u16 = 50;
    }
}

layout! {
    /// Device memory that was allocated (1) or freed (2).
    MemoryRecord {
        operation: u32 = 4;
        memory: u32 = 8;
        correlation: u32 = 12;
        address: u64 = 16;
        bytes: u64 = 24;
        at: u64 = 32;
        device: u32 = 52;
    }
}

layout! {
    /// Calls of the driver or runtime API.
    CallRecord {
        function: u32 = CALL_FUNCTION;
        start: u64 = 8;
        end: u64 = 16;
        thread: u32 = 28;
        correlation: u32 = 32;
    }
}

layout! {
    /// The external id on top of the stack when an API call was made.
    LinkRecord {
        id_kind: u32 = 4;
        id: u64 = 8;
        correlation: u32 = 16;
    }
}

layout! {
    /// Waits.
    WaitRecord {
        wait: u32 = 4;
        start: u64 = 8;
        end: u64 = 16;
        correlation: u32 = 24;
        context: u32 = 28;
        stream: u32 = 32;
        event: u32 = 36;
    }
}

layout! {
    /// The recording of an event.
    CudaEventRecord {
        correlation: u32 = 4;
        context: u32 = 8;
        stream: u32 = 12;
        event: u32 = 16;
    }
}

layout! {
    /// Time that CUDA or CUPTI spent on its own work.
    OverheadRecord {
        overhead: u32 = 4;
        start: u64 = 24;
        end: u64 = 32;
    }
}
