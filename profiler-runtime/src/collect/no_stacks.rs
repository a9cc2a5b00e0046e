//! Replaces `stacks` when its feature is off: walks no stack and resolves no address.

/// Does nothing: there is no library to prepare.
pub(crate) fn prepare() {}

/// Does nothing: there is no memory to release.
pub(crate) fn release() {}

/// Returns 0: no range has a stack.
pub(crate) fn ns_per_stack() -> f64 {
    0.0
}

/// Returns 0: no stack was tried.
pub(crate) fn take_skipped() -> u64 {
    0
}

#[path = "stacks/no_libraries.rs"]
pub(crate) mod known_libraries;

/// Replacement of the symbol lookup.
pub(crate) mod symbols {
    use serde_json::Value;

    use profiler_core::stream::registry::Log;
    use profiler_trace::records::frames::Symbols;

    /// The choice whether functions of the standard library are shown.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct StdFrames;

    impl StdFrames {
        /// Ignores the choice, which makes no difference without stacks.
        pub(crate) const fn new(_kept: bool) -> Self {
            Self
        }
    }

    /// Returns no symbols.
    pub(crate) fn resolve(_log: &Log, _std: StdFrames) -> Symbols {
        Symbols::default()
    }

    /// Returns no symbols, even for stacks that another program has recorded.
    pub(crate) fn resolve_in_files(_log: &Log, _code: Vec<Value>, _std: StdFrames) -> (Symbols, Vec<String>) {
        (Symbols::default(), Vec::new())
    }

    /// Returns `None`: the manifest reports that the feature is off.
    pub(crate) fn missing(_symbols: &Symbols) -> Option<String> {
        None
    }
}
