//! Ways in which a process ends.

use std::time::Duration;

/// A way in which a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `main` has returned, or `process::exit` was called.
    Exit,
    /// A signal that ends a program: SIGTERM, SIGINT, SIGHUP, SIGQUIT or SIGXCPU.
    Signal,
    /// SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT.
    Crash,
}

impl Ending {
    /// Returns how long the process may be kept from ending. A crashed thread may hold a lock that
    /// the exporter needs, and a program that was told to end is killed by most supervisors after
    /// 30 seconds.
    pub(crate) const fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Exit => 60,
            Self::Signal => 20,
            Self::Crash => 5,
        })
    }
}
