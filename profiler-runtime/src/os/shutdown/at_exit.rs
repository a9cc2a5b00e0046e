//! Calls a function when the process exits normally, by C's `atexit`.

use std::sync::OnceLock;

use super::ending::Ending;

static ACT: OnceLock<fn(Ending)> = OnceLock::new();

/// Calls `act` when the process exits. Only the first registration of a process counts.
pub(super) fn register(act: fn(Ending)) {
    if ACT.set(act).is_ok() {
        // SAFETY: `exiting` has C's calling convention, takes no argument and does not unwind. If
        // the list is full, `atexit` returns an error and the exit is not observed.
        unsafe { libc::atexit(exiting) };
    }
}

extern "C" fn exiting() {
    if let Some(act) = ACT.get() {
        // A panic must not unwind into C.
        let _ = std::panic::catch_unwind(|| act(Ending::Exit));
    }
}
