//! What Kineto calls waits and overhead; kernels, copies and fills have their names from the model.

pub(in crate::export::trace) use crate::model::{copy_name, fill_name};

/// The name of a wait.
pub(in crate::export::trace) const fn wait_name(kind: u32) -> &'static str {
    match kind {
        1 => "Event Sync",
        2 => "Stream Wait Event",
        3 => "Stream Sync",
        4 => "Context Sync",
        _ => "Unknown Sync",
    }
}

/// The name of an overhead.
pub(in crate::export::trace) const fn overhead_name(kind: u32) -> &'static str {
    match kind {
        1 => "Driver Compiler",
        0x1_0000 => "Buffer Flush",
        0x2_0000 => "Instrumentation",
        0x3_0000 => "Resource",
        0x4_0000 => "Runtime Triggered Module Loading",
        0x5_0000 => "Lazy Function Loading",
        0x6_0000 => "Command Buffer Full",
        0x7_0000 => "Activity Buffer Request",
        _ => "Unknown",
    }
}
