//! The replacement of `stacks` where its feature is off: no stack is walked, and no address has a
//! name.

/// Does nothing: there is nothing to prepare.
pub(crate) fn prepare() {}

/// Does nothing: there is nothing to give back.
pub(crate) fn release() {}

/// Returns 0: no range has a stack.
pub(crate) fn ns_per_stack() -> f64 {
    0.0
}

/// Returns 0: no stack was tried.
pub(crate) fn left_out() -> u64 {
    0
}

#[path = "stacks/no_libraries.rs"]
pub(crate) mod known_libraries;

/// Replaces the names of addresses.
pub(crate) mod symbols {
    use serde_json::Value;

    use profiler_core::stream::registry::Log;
    use profiler_trace::records::frames::Symbols;

    /// True if the standard library's functions are shown.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Std;

    impl Std {
        /// Ignores the choice, which makes no difference here.
        pub(crate) const fn of(_kept: bool) -> Self {
            Self
        }
    }

    /// Returns no names.
    pub(crate) fn resolve(_log: &Log, _std: Std) -> Symbols {
        Symbols::default()
    }

    /// Returns no names, though another program may have recorded stacks.
    pub(crate) fn resolve_in_files(_log: &Log, _code: Vec<Value>, _std: Std) -> (Symbols, Vec<String>) {
        (Symbols::default(), Vec::new())
    }

    /// Returns `None`: the manifest says what is missing.
    pub(crate) fn missing(_symbols: &Symbols) -> Option<String> {
        None
    }
}
