//! The beginnings of CUPTI's records, as far as every version from 11.7 to 13.5 agrees on them.
//!
//! Records only ever grew at their ends, so a field is always found at the same offset; libcupti
//! itself walks from one record to the next and knows their lengths. Offsets were measured on
//! sixteen libraries.

use std::ffi::c_char;

use super::record::Record;

/// Makes a struct of the fields that are read from a kind of record. A row is
/// `field: type = offset;`.
macro_rules! layout {
    ($(#[$about:meta])* $record:ident { $($field:ident: $type:ty = $offset:expr;)* }) => {
        $(#[$about])*
        pub(super) struct $record {
            $(pub(super) $field: $type,)*
        }

        impl $record {
            /// Reads a record of this kind.
            pub(super) fn read(record: Record) -> Self {
                Self { $($field: record.read($offset),)* }
            }
        }
    };
}

/// The offsets of fields that all device work has, but at different places in each kind of record.
#[derive(Clone, Copy)]
pub(super) struct OpPlaces {
    /// Offset of device, context and stream, which follow each other.
    pub(super) device: usize,
    pub(super) correlation: usize,
    pub(super) graph_node: usize,
    pub(super) graph: usize,
}

/// Offsets of begin and end, in all device work.
pub(super) const OP_TIMES: [usize; 2] = [16, 24];
pub(super) const KERNEL: OpPlaces = OpPlaces { device: 40, correlation: 92, graph_node: 144, graph: 156 };
pub(super) const COPY: OpPlaces = OpPlaces { device: 32, correlation: 44, graph_node: 64, graph: 72 };
pub(super) const PEER_COPY: OpPlaces = OpPlaces { device: 32, correlation: 60, graph_node: 72, graph: 80 };
pub(super) const FILL: OpPlaces = OpPlaces { device: 32, correlation: 44, graph_node: 64, graph: 72 };

/// Offset of a kernel's name.
pub(super) const KERNEL_NAME: usize = 104;
/// Offset of a stream's priority in newer kernel records, and the first version that has it.
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
    /// Device memory taken (1) or given back (2).
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
    /// The id that was pushed last before a call.
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
    /// Time that CUDA or CUPTI spent on itself.
    OverheadRecord {
        overhead: u32 = 4;
        start: u64 = 24;
        end: u64 = 32;
    }
}
