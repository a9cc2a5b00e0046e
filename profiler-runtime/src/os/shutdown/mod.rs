//! Calls a function just before the process ends: on `exit`, on a terminating signal, or on a
//! crash.
//!
//! `session::ending` passes the function to [`watch`]; nothing here knows sessions.

#[cfg(unix)]
mod at_exit;
mod ending;
#[cfg(unix)]
mod signals;

pub(crate) use ending::Ending;

/// Calls `act` before the process ends in one of `endings`. The first call that names an ending
/// watches it for the rest of the process. `act` runs on a thread of the profiler, except for
/// [`Ending::Exit`], where it runs on the exiting thread. A signal that the program itself handles
/// is left to the program.
#[cfg(unix)]
pub(crate) fn watch(endings: &[Ending], act: fn(Ending)) {
    if endings.contains(&Ending::Exit) {
        at_exit::register(act);
    }
    signals::watch(endings, act);
}

/// Runs `start`, which starts a thread, with signals blocked. The end of the process waits for that
/// thread, so it must not handle the signal that ends the process.
#[cfg(unix)]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    signals::without_signals(start)
}

/// Runs `start`; this system has no signals to block.
#[cfg(not(unix))]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    start()
}

/// Does nothing: this system does not report its end. A guard or `stop_profile` ends a session.
#[cfg(not(unix))]
pub(crate) fn watch(_endings: &[Ending], _act: fn(Ending)) {}
