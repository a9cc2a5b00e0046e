//! Warnings about recording itself, passed to the runtime, which owns the host's logger.
//!
//! The runtime submits a [`Listener`]. The one warning that this crate raises on its own is that of
//! a forked child: it records nothing, because the session is its parent's.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::ledger;

/// Callback that shows a warning. Called on any thread, outside of all locks.
pub struct Listener(pub fn(&str));

inventory::collect!(Listener);

/// Sends a warning to every listener.
pub(crate) fn send(text: &str) {
    inventory::iter::<Listener>.into_iter().for_each(|listener| (listener.0)(text));
}

/// Name of the thread that sends a child's warning.
const THREAD: &str = "profiler-notice";
/// Timeout of a child's first range for its warning: the logger's lock may be held by a thread that
/// does not exist in the child.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Warns, at the first range of a forked child, that its parent's session does not record it. The
/// warning is sent from a thread of its own.
#[cold]
pub(super) fn warn_of_fork() {
    let _own = ledger::own();
    let (done, wait) = mpsc::channel();
    let warn = move || {
        let id = std::process::id();
        send(&format!(
            "process {id} was forked off one that is being profiled, and records nothing: the session is its parent's; \
             start one in the child to profile it"
        ));
        let _ = done.send(());
    };
    if thread::Builder::new().name(THREAD.to_owned()).spawn(warn).is_ok() {
        let _ = wait.recv_timeout(TIMEOUT);
    }
}
