//! What Kineto calls the kinds of GPU work: consumers look for these very texts (HTA for `Memcpy ` and `Memset `).

/// `Memcpy HtoD (Pageable -> Device)`.
pub(super) fn copy_name(kind: u8, from: u8, to: u8) -> String {
    const KINDS: [&str; 11] =
        ["Unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA", "DtoD", "HtoH", "PtoP"];
    let direction = KINDS.get(usize::from(kind)).unwrap_or(&KINDS[0]);
    format!("Memcpy {direction} ({} -> {})", memory_name(from.into()), memory_name(to.into()))
}

/// `Memset (Device)`.
pub(super) fn fill_name(memory: u16) -> String {
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

/// The name of a wait.
pub(super) const fn wait_name(kind: u32) -> &'static str {
    match kind {
        1 => "Event Sync",
        2 => "Stream Wait Event",
        3 => "Stream Sync",
        4 => "Context Sync",
        _ => "Unknown Sync",
    }
}

/// The name of an overhead.
pub(super) const fn overhead_name(kind: u32) -> &'static str {
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
