//! The end of the process, seen just before it comes: `exit`, signals that end a program, and crashes.
//!
//! [`watch`] is told once what to do then. Nothing here knows sessions; `session::ending` gives the function.

#[cfg(unix)]
mod at_exit;
#[cfg(unix)]
mod signals;

use std::time::Duration;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `main` has returned, or `process::exit` was called.
    Exit,
    /// A signal that is sent to end a program: SIGTERM, SIGINT, SIGHUP, SIGQUIT or SIGXCPU.
    Signal,
    /// SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT.
    Crash,
}

impl Ending {
    /// How long the process may be kept from ending. A crashed thread may hold a lock that the exporter needs, and a
    /// program that was told to end is killed by most supervisors after 30 seconds.
    pub(crate) const fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Exit => 60,
            Self::Signal => 20,
            Self::Crash => 5,
        })
    }
}

/// Calls `act` before the process ends in one of these ways; each way is watched from the first call that names it until
/// the process ends. `act` runs on a thread of the profiler, except for [`Ending::Exit`]. A signal that the program
/// itself handles stays the program's.
#[cfg(unix)]
pub(crate) fn watch(endings: &[Ending], act: fn(Ending)) {
    if endings.contains(&Ending::Exit) {
        at_exit::register(act);
    }
    signals::watch(endings, act);
}

/// Starts a thread that is waited for at the end of the process: no signal that ends it is handled there.
#[cfg(unix)]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    signals::without_signals(start)
}

/// Starts a thread.
#[cfg(not(unix))]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    start()
}

/// Not known here: a guard or `stop_profile` ends a session.
#[cfg(not(unix))]
pub(crate) fn watch(_endings: &[Ending], _act: fn(Ending)) {}
