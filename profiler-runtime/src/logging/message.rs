//! One message, and its destination: the host's logger, or standard error where it has none.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use log::{Level, LevelFilter};

use profiler_core::process::PerProcess;
use profiler_trace::export::outlet::without_signals;

/// Environment variable that silences standard error: `off`.
const VARIABLE: &str = "PROFILER_LOG";
/// Most different texts on standard error.
const MAX_TOLD: usize = 1000;

/// True if the configuration in effect asks for silence.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets whether standard error is left alone.
pub(crate) fn set_quiet(quiet: bool) {
    // ORDERING: a message at this very moment may go either way.
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Returns whether the program has no logger.
pub(crate) fn is_absent() -> bool {
    log::max_level() == LevelFilter::Off
}

/// A message for people.
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
            Self::Line { level, text, .. } => tell_once(*level, text, &mut io::stderr().lock()),
            // Perhaps nobody reads any more.
            Self::Page(page) => drop(without_signals(|| writeln!(io::stderr().lock(), "\n{page}"))),
        }));
        // A logger's panic has been reported by the panic hook; what it carries may panic when it
        // is dropped.
        if let Err(panic) = delivered {
            std::mem::forget(panic);
        }
    }
}

/// Returns whether standard error is to be left alone.
fn is_silenced() -> bool {
    static OFF: OnceLock<bool> = OnceLock::new();
    let off = || std::env::var_os(VARIABLE).is_some_and(|value| value.eq_ignore_ascii_case("off"));
    // ORDERING: see `set_quiet`.
    QUIET.load(Ordering::Relaxed) || *OFF.get_or_init(off)
}

/// Writes a line that was not written before.
fn tell_once(level: Level, text: &str, out: &mut impl Write) {
    static TOLD: PerProcess<(RandomState, Mutex<HashSet<u64>>)> = PerProcess::new(|_| Default::default());
    let (state, told) = &*TOLD;
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() >= MAX_TOLD || !told.insert(state.hash_one(text)) {
        return;
    }
    drop(told);
    let word = match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        _ => "",
    };
    // Perhaps nobody reads any more.
    let _ = without_signals(|| writeln!(out, "profiler: {word}{text}"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_once_under_its_level() {
        let mut out = Vec::new();
        for _ in 0..2 {
            tell_once(Level::Warn, "the disk of logging::tests is full", &mut out);
        }
        tell_once(Level::Error, "it is lost (logging::tests)", &mut out);
        let expected = "profiler: warning: the disk of logging::tests is full\nprofiler: error: it is lost \
                        (logging::tests)\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
