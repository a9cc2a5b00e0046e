//! Delivers a message to the host's logger, or to standard error if the host has none.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use log::{Level, LevelFilter};

use profiler_core::process::PerProcess;
use profiler_trace::export::outlet::without_signals;

/// Environment variable that silences standard error with the value `off`.
const VARIABLE: &str = "PROFILER_LOG";
/// Maximum number of different lines on standard error.
const MAX_LINES: usize = 1000;

/// True if the configuration in effect silences standard error.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets whether the configuration silences standard error.
pub(crate) fn set_quiet(quiet: bool) {
    // ORDERING: a concurrent message may see either value.
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Returns whether the program has no logger.
pub(crate) fn is_absent() -> bool {
    log::max_level() == LevelFilter::Off
}

/// A message for the user.
pub(super) enum Message {
    Line { level: Level, target: &'static str, text: String },
    Page(String),
}

impl Message {
    /// Delivers the message. Never panics, whatever the host's logger does.
    pub(super) fn deliver(self) {
        let delivered = catch_unwind(AssertUnwindSafe(|| match &self {
            Self::Line { level, target, text } if !is_absent() => log::log!(target: target, *level, "{text}"),
            _ if is_silenced() => {}
            Self::Line { level, text, .. } => write_once(*level, text, &mut io::stderr().lock()),
            // A closed standard error is not reported.
            Self::Page(page) => drop(without_signals(|| writeln!(io::stderr().lock(), "\n{page}"))),
        }));
        // The panic hook has reported a logger's panic. Its payload is leaked, because dropping it
        // may panic too.
        if let Err(panic) = delivered {
            std::mem::forget(panic);
        }
    }
}

/// Returns whether nothing may be written to standard error.
fn is_silenced() -> bool {
    static OFF: OnceLock<bool> = OnceLock::new();
    let off = || std::env::var_os(VARIABLE).is_some_and(|value| value.eq_ignore_ascii_case("off"));
    // ORDERING: see `set_quiet`.
    QUIET.load(Ordering::Relaxed) || *OFF.get_or_init(off)
}

/// Writes a line unless it was written before.
fn write_once(level: Level, text: &str, out: &mut impl Write) {
    static WRITTEN: PerProcess<(RandomState, Mutex<HashSet<u64>>)> = PerProcess::new(|_| Default::default());
    let (state, written) = &*WRITTEN;
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    if written.len() >= MAX_LINES || !written.insert(state.hash_one(text)) {
        return;
    }
    drop(written);
    let prefix = match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        _ => "",
    };
    // A closed standard error is not reported.
    let _ = without_signals(|| writeln!(out, "profiler: {prefix}{text}"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_with_its_level() {
        let mut out = Vec::new();
        for _ in 0..2 {
            write_once(Level::Warn, "the disk of logging::tests is full", &mut out);
        }
        write_once(Level::Error, "it is lost (logging::tests)", &mut out);
        let expected = "profiler: warning: the disk of logging::tests is full\nprofiler: error: it is lost \
                        (logging::tests)\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
