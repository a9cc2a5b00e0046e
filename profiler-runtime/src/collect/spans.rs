//! Link to a layer that turns the spans of the `tracing` crate into ranges (`profiler-tracing`):
//! the session's rules for it, and its warnings for the session.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::config::SpanRules;
use profiler_core::process::PerProcess;

/// Rules of the last session.
static RULES: PerProcess<Mutex<Option<SpanRules>>> = PerProcess::new(|_| Mutex::default());
/// Number of times that the rules have changed.
static VERSION: AtomicU32 = AtomicU32::new(0);
/// Function that looks for spans that the layer cannot see.
static CHECK: OnceLock<fn() -> Vec<String>> = OnceLock::new();

/// Installs the function that is called at the start of each session, after the rules are set, and
/// returns warnings about spans that cannot be seen. The first call wins.
pub fn set_check(check: fn() -> Vec<String>) {
    let _ = CHECK.set(check);
}

/// Returns a number that changes with the rules.
#[inline]
pub fn version() -> u32 {
    // ORDERING: a layer may see new rules late; it reads them under the lock.
    VERSION.load(Ordering::Relaxed)
}

/// Returns the rules of the last session; the usual ones before the first.
pub fn rules() -> SpanRules {
    RULES.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Sets a session's rules. Returns warnings about spans that cannot be seen.
pub(crate) fn prepare(rules: &SpanRules) -> Vec<String> {
    let Some(check) = CHECK.get() else { return Vec::new() };
    let mut current = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    // A forked child has no rules yet, but the layer still decides by its parent's.
    if current.as_ref() != Some(rules) {
        *current = Some(rules.clone());
        // ORDERING: see `version`.
        VERSION.fetch_add(1, Ordering::Relaxed);
    }
    drop(current);
    check()
}
