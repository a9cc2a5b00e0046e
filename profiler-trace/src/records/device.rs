//! A machine's devices, as their driver describes them, whichever source recorded what they did.

use serde::{Deserialize, Serialize};

/// One device.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Name that the driver gives it.
    pub name: String,
    /// Size of its memory, in bytes.
    pub memory: u64,
    /// Compute capability, before the point.
    pub major: u32,
    /// Compute capability, behind the point.
    pub minor: u32,
    /// Most threads of a block.
    pub threads_per_block: u32,
    /// Most threads that a multiprocessor holds.
    pub threads_per_sm: u32,
    /// Most blocks that a multiprocessor holds.
    pub blocks_per_sm: u32,
    /// Registers that a block can use.
    pub registers_per_block: u32,
    /// Registers of a multiprocessor.
    pub registers_per_sm: u32,
    /// Threads of a warp.
    pub warp: u32,
    /// Bytes of shared memory that a block can use without asking.
    pub shared_per_block: u32,
    /// Bytes of shared memory that a block can use if it asks.
    pub shared_per_block_optin: u32,
    /// Bytes of shared memory of a multiprocessor.
    pub shared_per_sm: u32,
    /// Bytes of shared memory that the system takes from each block.
    pub shared_reserved: u32,
    /// Number of multiprocessors.
    pub multiprocessors: u32,
}
