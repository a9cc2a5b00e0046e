//! Descriptions of the machine's GPUs, as their driver reports them; the same for every source.

use serde::{Deserialize, Serialize};

/// One GPU.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Name from the driver.
    pub name: String,
    /// Size of its memory, in bytes.
    pub memory: u64,
    /// Major number of the compute capability.
    pub major: u32,
    /// Minor number of the compute capability.
    pub minor: u32,
    /// Maximum number of threads per block.
    pub threads_per_block: u32,
    /// Maximum number of resident threads per multiprocessor.
    pub threads_per_sm: u32,
    /// Maximum number of resident blocks per multiprocessor.
    pub blocks_per_sm: u32,
    /// Registers available to a block.
    pub registers_per_block: u32,
    /// Registers per multiprocessor.
    pub registers_per_sm: u32,
    /// Threads per warp.
    pub warp: u32,
    /// Bytes of shared memory available to a block by default.
    pub shared_per_block: u32,
    /// Bytes of shared memory available to a block that opts in.
    pub shared_per_block_optin: u32,
    /// Bytes of shared memory per multiprocessor.
    pub shared_per_sm: u32,
    /// Bytes of shared memory that the system reserves in each block.
    pub shared_reserved: u32,
    /// Number of multiprocessors.
    pub multiprocessors: u32,
}
