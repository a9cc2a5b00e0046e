//! The replacement of what only Linux has: the system's unwinder walks, only the debug information
//! names functions, and only while their process lives.

/// Replaces the fast walk.
pub(super) mod walk {
    /// Does nothing: there are no rules to load.
    pub(in crate::collect::stacks) fn load() {}

    /// Does nothing: there are no rules to give back.
    pub(in crate::collect::stacks) fn unload() {}

    /// Returns true: the size of the stack is not known here.
    pub(in crate::collect::stacks) fn fits() -> bool {
        true
    }

    /// Returns `None`: the fast walk is not possible here.
    pub(in crate::collect::stacks) fn walk(_addresses: &mut [u64]) -> Option<usize> {
        None
    }
}

/// Replaces the symbol tables.
pub(super) mod names {
    use std::collections::HashMap;

    /// Returns no names.
    pub(in crate::collect::stacks) fn of(_addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
        HashMap::new()
    }
}

/// Replaces the files of a process that is gone.
pub(super) mod offline {
    use std::collections::{HashMap, HashSet};

    use crate::collect::stacks::code_note::Object;
    use crate::collect::stacks::paths::Resolved;

    /// Returns no functions.
    pub(in crate::collect::stacks) fn look_up(
        _addresses: HashSet<u64>,
        _objects: &[Object],
    ) -> (HashMap<u64, Resolved>, Vec<String>) {
        (HashMap::new(), Vec::new())
    }
}

#[path = "no_libraries.rs"]
pub(crate) mod known_libraries;
