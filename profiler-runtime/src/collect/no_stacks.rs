//! The place of `stacks` where its feature is off: no stack is walked, and no address has a name.

/// Nothing to prepare.
pub(crate) fn prepare() {}

/// Nothing to give back.
pub(crate) fn release() {}

/// No range has a stack.
pub(crate) fn ns_per_stack() -> f64 {
    0.0
}

/// No stack was tried.
pub(crate) fn left_out() -> u64 {
    0
}

/// Stands in for what a journal knows of loaded code.
pub(crate) mod known_libraries {
    use serde_json::Value;

    /// Nothing.
    #[derive(Debug, Default)]
    pub(crate) struct Noted;

    impl Noted {
        /// There is none.
        pub(crate) fn news(&mut self) -> Option<Value> {
            None
        }
    }
}

/// Stands in for the names of addresses.
pub(crate) mod symbols {
    use serde_json::Value;

    use profiler_core::stream::registry::Log;
    use profiler_trace::records::frames::Symbols;

    /// Whether the standard library's functions are shown.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Std;

    impl Std {
        /// Makes no difference here.
        pub(crate) const fn of(_kept: bool) -> Self {
            Self
        }
    }

    /// Nothing has a name.
    pub(crate) fn resolve(_log: &Log, _std: Std) -> Symbols {
        Symbols::default()
    }

    /// Nothing has a name, though another program may have recorded stacks.
    pub(crate) fn resolve_in_files(_log: &Log, _code: Vec<Value>, _std: Std) -> (Symbols, Vec<String>) {
        (Symbols::default(), Vec::new())
    }

    /// The manifest says what is missing.
    pub(crate) fn missing(_symbols: &Symbols) -> Option<String> {
        None
    }
}
