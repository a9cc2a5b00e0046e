//! The length of each kind of record in each version of CUPTI, and the offsets of its fields.
//!
//! Lengths and offsets were measured on NVIDIA's libraries. Nothing is shared with the reader that
//! is tested.

use std::sync::OnceLock;

/// Kinds of records.
pub(crate) mod kind {
    pub(crate) const COPY: u32 = 1;
    pub(crate) const FILL: u32 = 2;
    pub(crate) const DRIVER: u32 = 4;
    pub(crate) const RUNTIME: u32 = 5;
    /// A kind that no reader here knows.
    pub(crate) const CONTEXT: u32 = 9;
    pub(crate) const KERNEL: u32 = 10;
    pub(crate) const OVERHEAD: u32 = 17;
    pub(crate) const PEER_COPY: u32 = 22;
    pub(crate) const CUDA_EVENT: u32 = 36;
    pub(crate) const SYNCHRONIZATION: u32 = 38;
    pub(crate) const EXTERNAL: u32 = 39;
    pub(crate) const MEMORY: u32 = 49;
}

/// One version of CUPTI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    /// Release of CUDA.
    pub(crate) name: &'static str,
    /// Result of `cuptiGetVersion`.
    pub(crate) number: u32,
    kernel: usize,
    copy: usize,
    fill: usize,
    memory: usize,
    synchronization: usize,
    overhead: usize,
    event: usize,
}

/// Versions whose records differ from the previous version's.
pub(crate) const VERSIONS: [Version; 13] = [
    version("11.6", 16, [176, 88, 88, 120, 40, 40, 24]),
    version("11.7", 17, [176, 88, 88, 120, 40, 40, 24]),
    version("11.8", 18, [200, 88, 88, 120, 40, 40, 24]),
    version("12.0", 18, [208, 88, 88, 120, 40, 40, 24]),
    version("12.3", 21, [208, 88, 88, 120, 40, 48, 24]),
    version("12.4", 22, [208, 88, 88, 120, 40, 56, 24]),
    version("12.6", 24, [208, 88, 88, 128, 40, 56, 24]),
    version("12.9", 28, [208, 96, 88, 128, 56, 56, 56]),
    version("13.0", 130_001, [216, 96, 88, 128, 56, 56, 56]),
    version("13.1", 130_101, [224, 96, 88, 128, 56, 56, 56]),
    version("13.3", 130_301, [232, 96, 88, 128, 56, 56, 56]),
    version("13.4", 130_401, [248, 112, 104, 128, 56, 56, 56]),
    version("13.5", 130_500, [248, 112, 104, 128, 56, 56, 80]),
];

const fn version(name: &'static str, number: u32, lengths: [usize; 7]) -> Version {
    let [kernel, copy, fill, memory, synchronization, overhead, event] = lengths;
    Version { name, number, kernel, copy, fill, memory, synchronization, overhead, event }
}

impl Version {
    /// Returns the version that `CUPTI_DOUBLE_VERSION` names, which is 12.9 by default.
    pub(crate) fn chosen() -> Self {
        static CHOSEN: OnceLock<Version> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let name = std::env::var("CUPTI_DOUBLE_VERSION").unwrap_or_else(|_| "12.9".to_owned());
            VERSIONS.into_iter().find(|version| version.name == name).unwrap_or(VERSIONS[7])
        })
    }

    /// Returns the length of a record of this kind, or `None` for a kind that this version does not
    /// have.
    pub(crate) fn length(&self, kind: u32) -> Option<usize> {
        Some(match kind {
            kind::KERNEL => self.kernel,
            kind::COPY => self.copy,
            kind::PEER_COPY => 96,
            kind::FILL => self.fill,
            kind::MEMORY => self.memory,
            kind::DRIVER | kind::RUNTIME => 40,
            kind::EXTERNAL | kind::CONTEXT => 24,
            kind::SYNCHRONIZATION => self.synchronization,
            kind::OVERHEAD => self.overhead,
            kind::CUDA_EVENT => self.event,
            _ => return None,
        })
    }

    /// Creates a record in which every byte without a field below is set, so that a reader of a
    /// wrong offset is noticed.
    pub(crate) fn record(&self, kind: u32) -> Record {
        let mut bytes = vec![0xEE; self.length(kind).unwrap_or(24)];
        bytes[..4].copy_from_slice(&kind.to_ne_bytes());
        Record(bytes)
    }
}

/// A record under construction.
#[derive(Clone, Debug)]
pub(crate) struct Record(pub(crate) Vec<u8>);

impl Record {
    /// Sets one byte.
    pub(crate) fn u8(mut self, offset: usize, value: u8) -> Self {
        self.0[offset] = value;
        self
    }

    /// Sets two bytes.
    pub(crate) fn u16(mut self, offset: usize, value: u16) -> Self {
        self.0[offset..offset + 2].copy_from_slice(&value.to_ne_bytes());
        self
    }

    /// Sets four bytes.
    pub(crate) fn u32(mut self, offset: usize, value: u32) -> Self {
        self.0[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    /// Sets eight bytes.
    pub(crate) fn u64(mut self, offset: usize, value: u64) -> Self {
        self.0[offset..offset + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }
}
