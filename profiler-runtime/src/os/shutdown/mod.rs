//! The end of the process, seen just before it comes: `exit`, signals that end a program, and
//! crashes.
//!
//! [`watch`] is given the function to call then. Nothing here knows sessions; `session::ending`
//! gives the function.

#[cfg(unix)]
mod at_exit;
mod ending;
#[cfg(unix)]
mod signals;

pub(crate) use ending::Ending;

/// Calls `act` before the process ends in one of these ways; each way is watched from the first
/// call that names it until the process ends. `act` runs on a thread of the profiler, except for
/// [`Ending::Exit`]. A signal that the program itself handles stays the program's.
#[cfg(unix)]
pub(crate) fn watch(endings: &[Ending], act: fn(Ending)) {
    if endings.contains(&Ending::Exit) {
        at_exit::register(act);
    }
    signals::watch(endings, act);
}

/// Starts a thread that is waited for at the end of the process: no signal that ends it is handled
/// there.
#[cfg(unix)]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    signals::without_signals(start)
}

/// Starts a thread.
#[cfg(not(unix))]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    start()
}

/// Watches nothing: endings are not known here, and a guard or `stop_profile` ends a session.
#[cfg(not(unix))]
pub(crate) fn watch(_endings: &[Ending], _act: fn(Ending)) {}
