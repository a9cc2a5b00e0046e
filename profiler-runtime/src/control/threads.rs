//! Threads of the control room: named, and what they allocate is the profiler's own.

use std::thread::{Builder, JoinHandle};

use profiler_core::memory::ledger;

/// Starts a thread whose allocations no snapshot shows.
///
/// # Errors
///
/// The operating system gives none.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        let _own = ledger::own();
        work();
    })
}
