//! Threads of the control room: named, and their allocations are the profiler's own.

use std::thread::{Builder, JoinHandle};

use profiler_core::memory::ledger;

/// Starts a thread whose allocations no snapshot shows.
///
/// # Errors
///
/// Fails if the operating system gives none.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        let _own = ledger::own();
        work();
    })
}
