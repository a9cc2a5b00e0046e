//! C's list of functions to call when a process exits in an orderly way.

use std::sync::OnceLock;

use super::ending::Ending;

static ACT: OnceLock<fn(Ending)> = OnceLock::new();

/// Calls `act` when the process exits; registered once in a process.
pub(super) fn register(act: fn(Ending)) {
    if ACT.set(act).is_ok() {
        // SAFETY: the function has C's calling convention, takes nothing, and does not unwind. A
        // full list is refused with a number that changes nothing here.
        unsafe { libc::atexit(exiting) };
    }
}

extern "C" fn exiting() {
    if let Some(act) = ACT.get() {
        // A panic may not cross C's frames.
        let _ = std::panic::catch_unwind(|| act(Ending::Exit));
    }
}
