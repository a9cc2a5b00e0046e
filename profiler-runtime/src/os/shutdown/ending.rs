//! Distinguishes the ways in which a process ends, and how long each may be delayed.

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
    /// Returns how long the profiler may delay the end of the process. A crashed thread may hold a
    /// lock that the exporter needs, and most supervisors kill a process 30 seconds after SIGTERM.
    pub(crate) const fn grace_period(self) -> Duration {
        Duration::from_secs(match self {
            Self::Exit => 60,
            Self::Signal => 20,
            Self::Crash => 5,
        })
    }
}
