//! Kineto's names of GPU work. Consumers match these exact strings (HTA matches `Memcpy ` and
//! `Memset `).

use std::borrow::Cow;

use crate::records::gpu::Work;

use super::Gpu;

impl Gpu {
    /// Returns the name of a kernel, copy or fill; it is the same in the trace, the operator tables
    /// and the stacks.
    pub(crate) fn name_of(&self, work: &Work) -> Cow<'_, str> {
        match work {
            Work::Kernel(kernel) => Cow::Borrowed(self.name(kernel.name)),
            Work::Copy { kind, from, to, .. } => {
                Cow::Owned(format!("Memcpy {} ({} -> {})", kind.name(), from.name(), to.name()))
            }
            Work::Fill { memory, .. } => Cow::Owned(format!("Memset ({})", memory.name())),
        }
    }

    /// Returns the name at the index that a record carries.
    pub(crate) fn name(&self, index: u32) -> &str {
        self.names.get(index as usize).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::gpu::{CopyKind, MemoryKind};

    #[test]
    fn names_are_kinetos() {
        let name = |work: Work| Gpu::default().name_of(&work).into_owned();
        let copy = |kind, from, to| name(Work::Copy { kind, from, to, bytes: 1, peers: None });
        assert_eq!(
            copy(CopyKind::HostToDevice, MemoryKind::Pageable, MemoryKind::Device),
            "Memcpy HtoD (Pageable -> Device)"
        );
        assert_eq!(
            copy(CopyKind::PeerToPeer, MemoryKind::Device, MemoryKind::Device),
            "Memcpy PtoP (Device -> Device)"
        );
        assert_eq!(
            copy(CopyKind::default(), MemoryKind::default(), MemoryKind::default()),
            "Memcpy Unknown (Unknown -> Unknown)"
        );
        assert_eq!(name(Work::Fill { memory: MemoryKind::Device, bytes: 1 }), "Memset (Device)");
    }
}
