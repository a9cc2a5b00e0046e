//! The warning of a forked child at its first range: the child records nothing.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::warning;
use crate::ledger;

const THREAD: &str = "profiler-notice";
/// Maximum wait of the first range for its warning: the logger may be locked by a thread that does
/// not exist.
const PATIENCE: Duration = Duration::from_millis(500);

/// Warns, at the first range of a child, that its parent's session does not record it. Uses a
/// thread of its own.
#[cold]
pub(super) fn tell_child() {
    let _own = ledger::own();
    let (told, waits) = mpsc::channel();
    let tell = move || {
        let id = std::process::id();
        warning::send(&format!(
            "process {id} was forked off one that is being profiled, and records nothing: the session is its parent's; \
             start one in the child to profile it"
        ));
        let _ = told.send(());
    };
    if thread::Builder::new().name(THREAD.to_owned()).spawn(tell).is_ok() {
        let _ = waits.recv_timeout(PATIENCE);
    }
}
