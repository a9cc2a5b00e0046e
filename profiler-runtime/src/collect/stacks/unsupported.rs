//! In place of what is there on Linux only: the system's unwinder walks, the debug information is all that names
//! functions, and only while their process lives.

/// Stands in for the fast walk.
pub(super) mod walk {
    /// Loads nothing.
    pub(in crate::collect::stacks) fn load() {}

    /// Gives nothing back.
    pub(in crate::collect::stacks) fn unload() {}

    /// Returns true: it is not known here.
    pub(in crate::collect::stacks) fn fits() -> bool {
        true
    }

    /// Returns `None`: it is not possible here.
    pub(in crate::collect::stacks) fn walk(_addresses: &mut [u64]) -> Option<usize> {
        None
    }
}

/// Stands in for the symbol tables.
pub(super) mod names {
    use std::collections::HashMap;

    /// Returns none.
    pub(in crate::collect::stacks) fn of(_addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
        HashMap::new()
    }
}

/// Stands in for the files of a process that is gone.
pub(super) mod offline {
    use std::collections::{HashMap, HashSet};

    use crate::collect::stacks::code_note::Object;
    use crate::collect::stacks::paths::Resolved;

    /// Returns nothing.
    pub(in crate::collect::stacks) fn look_up(
        _addresses: HashSet<u64>,
        _objects: &[Object],
    ) -> (HashMap<u64, Resolved>, Vec<String>) {
        (HashMap::new(), Vec::new())
    }
}

/// Stands in for what a journal knows of loaded code.
pub(crate) mod known_libraries {
    use serde_json::Value;

    /// Nothing.
    #[derive(Debug, Default)]
    pub(crate) struct Noted;

    impl Noted {
        /// Returns none.
        pub(crate) fn news(&mut self) -> Option<Value> {
            None
        }
    }
}
