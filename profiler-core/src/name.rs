//! Checks names that the compiler evaluates; the macro crate checks those that it can read.

/// Returns the name of a site, unless artifacts could not show it: then the program does not
/// compile.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn check_name(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    assert!(!bytes.trim_ascii().is_empty(), "the name is empty: write what the trace should show");
    let mut at = 0;
    while at < bytes.len() {
        assert!(bytes[at] != 0, "the name contains a NUL, at which NVTX would cut it off: remove it");
        at += 1;
    }
    name
}
