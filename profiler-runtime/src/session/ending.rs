//! The recording is written before the process ends, however it ends.
//!
//! A guard and `stop_profile` are the orderly ways. Here are the others, each of which the
//! configuration can switch off: `process::exit`, SIGTERM and SIGINT, and crashes. The time for
//! which the process is kept from ending is bounded; artifacts that are not written by then are
//! lost.

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::global;
use crate::config::ProfilerConfig;
use crate::logging;
use crate::os::shutdown::{self, Ending};
use profiler_core::memory::ledger;
use profiler_core::process;
use profiler_trace::model::EndedBy;

const THREAD: &str = "profiler-ending";

/// Watches for the endings that the configuration asks for, until the process ends.
pub(super) fn watch(config: &ProfilerConfig) {
    let mut endings = vec![Ending::Exit, Ending::Signal, Ending::Crash];
    endings.retain(|ending| is_written_on(config, *ending));
    shutdown::watch(&endings, write_all);
}

/// Returns whether a session's artifacts are to be written when the process ends in this way.
pub(super) const fn is_written_on(config: &ProfilerConfig, ending: Ending) -> bool {
    match ending {
        Ending::Exit => config.write_on_exit,
        Ending::Signal => config.write_on_signal,
        Ending::Crash => config.write_on_crash,
    }
}

/// Ends the active session and waits for its artifacts: on a thread of its own, because the GPU's
/// driver or the host's logger may never return now.
fn write_all(how: Ending) {
    process::check();
    if global::is_busy() == Some(false) {
        return;
    }
    // A handler that has interrupted the profiler may call `exit`: its thread then holds a lock, as
    // a crashed one may.
    let patience = if ledger::is_own() { Ending::Crash.patience() } else { how.patience() };
    let deadline = Instant::now() + patience;
    let (done, finished) = mpsc::channel();
    let work = move || {
        let held = logging::hold();
        global::finish(how, deadline);
        // The receiver may have run out of patience.
        let _ = done.send(());
        drop(held);
    };
    let started = shutdown::without_signals(|| thread::Builder::new().name(THREAD.to_owned()).spawn(work));
    match started {
        Ok(_) if finished.recv_timeout(patience).is_ok() => {
            // Until the host's logger has been told, or does not return.
            let _ = finished.recv_timeout(logging::PATIENCE);
        }
        Ok(_) => {}
        // Better unbounded than not at all.
        Err(_) => shutdown::without_signals(|| global::finish(how, deadline)),
    }
}

impl From<Ending> for EndedBy {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Exit => Self::Exit,
            Ending::Signal => Self::Signal,
            Ending::Crash => Self::Crash,
        }
    }
}
