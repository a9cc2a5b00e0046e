//! What Kineto calls the kinds of GPU work: consumers look for these very texts (HTA for `Memcpy ` and `Memset `).

use std::borrow::Cow;

use crate::records::gpu::Work;

use super::Gpu;

impl Gpu {
    /// What a kernel, copy or fill is called everywhere: in the trace, the operator tables and the stacks.
    pub(crate) fn name_of(&self, work: &Work) -> Cow<'_, str> {
        match *work {
            Work::Kernel(kernel) => Cow::Borrowed(self.names.get(kernel.name as usize).map_or("", String::as_str)),
            Work::Copy { kind, from, to, .. } => Cow::Owned(copy_name(kind, from, to)),
            Work::Fill { memory, .. } => Cow::Owned(fill_name(memory)),
        }
    }
}

/// `Memcpy HtoD (Pageable -> Device)`.
pub(crate) fn copy_name(kind: u8, from: u8, to: u8) -> String {
    const KINDS: [&str; 11] =
        ["Unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA", "DtoD", "HtoH", "PtoP"];
    let direction = KINDS.get(usize::from(kind)).unwrap_or(&KINDS[0]);
    format!("Memcpy {direction} ({} -> {})", memory_name(from.into()), memory_name(to.into()))
}

/// `Memset (Device)`.
pub(crate) fn fill_name(memory: u16) -> String {
    format!("Memset ({})", memory_name(memory))
}

fn memory_name(kind: u16) -> &'static str {
    match kind {
        1 => "Pageable",
        2 => "Pinned",
        3 => "Device",
        4 => "Array",
        5 => "Managed",
        6 => "Device Static",
        7 => "Managed Static",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kinetos() {
        assert_eq!(copy_name(1, 1, 3), "Memcpy HtoD (Pageable -> Device)");
        assert_eq!(copy_name(10, 3, 3), "Memcpy PtoP (Device -> Device)");
        assert_eq!(copy_name(99, 0, 200), "Memcpy Unknown (Unknown -> Unknown)");
        assert_eq!(fill_name(3), "Memset (Device)");
    }
}
