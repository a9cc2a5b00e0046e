//! Replaces `linux` on other systems: the system's unwinder walks stacks, and only debug
//! information of the live process resolves functions.

/// Replacement of the fast walk.
pub(super) mod walk {
    /// Does nothing: there are no rules to load.
    pub(in crate::collect::stacks) fn load() {}

    /// Does nothing: there are no rules to free.
    pub(in crate::collect::stacks) fn unload() {}

    /// Returns true: the bounds of the stack are unknown on this system.
    pub(in crate::collect::stacks) fn fits() -> bool {
        true
    }

    /// Returns `None`: this system has no fast walk.
    pub(in crate::collect::stacks) fn walk(_addresses: &mut [u64]) -> Option<usize> {
        None
    }
}

/// Replacement of the symbol tables.
pub(super) mod names {
    use std::collections::HashMap;

    /// Returns no names.
    pub(in crate::collect::stacks) fn resolve(_addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
        HashMap::new()
    }
}

/// Replacement of the lookup in files.
pub(super) mod offline {
    use std::collections::{HashMap, HashSet};

    use crate::collect::stacks::loaded_code::Object;
    use crate::collect::stacks::paths::Resolved;

    /// Returns no functions and no warnings.
    pub(in crate::collect::stacks) fn look_up(
        _addresses: HashSet<u64>,
        _objects: &[Object],
    ) -> (HashMap<u64, Resolved>, Vec<String>) {
        (HashMap::new(), Vec::new())
    }
}

#[path = "no_libraries.rs"]
pub(crate) mod known_libraries;
