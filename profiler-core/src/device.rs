//! Devices that hold memory.

use core::fmt;

/// Host or accelerator that holds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Device {
    /// The host. The runtime's `ProfilingAllocator` reports its memory.
    Cpu,
    /// The CUDA device with this index.
    Cuda(u8),
}

impl Device {
    /// Returns the index of a device that is not the host.
    #[doc(hidden)]
    pub const fn index(self) -> Option<u8> {
        match self {
            Self::Cpu => None,
            Self::Cuda(index) => Some(index),
        }
    }
}

/// Writes devices as PyTorch does: `cpu`, `cuda:0`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}
