//! Starts threads whose allocations count as the profiler's own.

use std::thread::{Builder, JoinHandle};

use profiler_core::memory::ledger;

/// Starts a named thread whose allocations do not appear in memory snapshots.
///
/// # Errors
///
/// Returns an error if the operating system cannot start the thread.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        let _own = ledger::own();
        work();
    })
}
