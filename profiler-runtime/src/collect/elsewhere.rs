//! In place of what is there on Linux only: the system's unwinder walks, and the debug information is all that names
//! functions.

/// Stands in for the fast walk.
pub(super) mod walk {
    /// Nothing to load.
    pub(in crate::collect) fn load() {}

    /// Nothing to give back.
    pub(in crate::collect) fn unload() {}

    /// Not possible here.
    pub(in crate::collect) fn walk(_addresses: &mut [u64]) -> Option<usize> {
        None
    }
}

/// Stands in for the symbol tables.
pub(super) mod names {
    use std::collections::HashMap;

    /// None.
    pub(in crate::collect) fn of(_addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
        HashMap::new()
    }
}
