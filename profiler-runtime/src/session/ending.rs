//! Writes the recording before the process ends without `stop_profile`.
//!
//! Guards and `stop_profile` end a session in an orderly way. This file handles the other ways,
//! each of which the configuration can switch off: `process::exit`, SIGTERM and other terminating
//! signals, and crashes. It delays the end of the process for a limited time; artifacts that are
//! not written by then are lost.

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

/// Watches for the configured endings for the rest of the process.
pub(super) fn watch(config: &ProfilerConfig) {
    let mut endings = vec![Ending::Exit, Ending::Signal, Ending::Crash];
    endings.retain(|ending| is_written_on(config, *ending));
    shutdown::watch(&endings, write_all);
}

/// Returns whether the configuration wants artifacts when the process ends in this way.
pub(super) const fn is_written_on(config: &ProfilerConfig, ending: Ending) -> bool {
    match ending {
        Ending::Exit => config.write_on_exit,
        Ending::Signal => config.write_on_signal,
        Ending::Crash => config.write_on_crash,
    }
}

/// Ends the active session and waits for its artifacts. Works on a new thread, because the GPU
/// driver or the host's logger may never return at this point.
fn write_all(how: Ending) {
    process::check();
    if global::is_busy() == Some(false) {
        return;
    }
    // A signal handler that interrupted the profiler may call `exit`. The interrupted thread then
    // holds a lock, as a crashed thread may.
    let grace_period = if ledger::is_own() { Ending::Crash.grace_period() } else { how.grace_period() };
    let deadline = Instant::now() + grace_period;
    let (done, finished) = mpsc::channel();
    let work = move || {
        let held = logging::hold();
        global::finish(how, deadline);
        // The receiver may have timed out.
        let _ = done.send(());
        drop(held);
    };
    let started = shutdown::without_signals(|| thread::Builder::new().name(THREAD.to_owned()).spawn(work));
    match started {
        Ok(_) if finished.recv_timeout(grace_period).is_ok() => {
            // Waits until the host's logger has received the messages, with a timeout.
            let _ = finished.recv_timeout(logging::TIMEOUT);
        }
        Ok(_) => {}
        // Without a thread there is no limit on the delay, but the artifacts are written.
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
