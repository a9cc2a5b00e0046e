//! Messages for people: through the host's logger, or on standard error where it has none.
//!
//! A profiler that fails silently is taken for one that found nothing. So a program without a logger (`log::max_level()` is
//! `Off`, as it is with a `tracing` subscriber alone) is told errors, warnings and where the artifacts are on standard
//! error, each text once. `PROFILER_LOG=off` and the configuration's `quiet` stop that; a logger's own level is the host's
//! choice and decides alone. Nothing here panics: a logger that does is the host's, and costs one message. One that blocks
//! or calls the profiler finds none of its locks held, and no recording that waits for its artifacts.

mod held;

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter};

use profiler_trace::export::outlet::without_signals;
use profiler_trace::text;

/// Environment variable that silences standard error: `off`.
pub(crate) const VARIABLE: &str = "PROFILER_LOG";
/// Time that a session which is over waits for the host's logger to hear of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Different texts that are told on standard error.
const MAX_TOLD: usize = 1000;

/// True if the configuration in effect asks for silence.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sends an error.
macro_rules! error {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Error, false, module_path!(), format_args!($($message)+)) };
}

/// Sends a warning.
macro_rules! warning {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Warn, false, module_path!(), format_args!($($message)+)) };
}

/// Sends what only a logger is told.
macro_rules! info {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Info, false, module_path!(), format_args!($($message)+)) };
}

/// Sends what is no problem and yet told without a logger: where the artifacts are.
macro_rules! notice {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Info, true, module_path!(), format_args!($($message)+)) };
}

// `warn` itself is an attribute of the language.
use profiler_core::hooks::warning::Listener;
use profiler_core::process::PerProcess;
pub(crate) use {error, info, notice, warning as warn};

inventory::submit! { Listener(|text| warning!("{text}")) }

pub(crate) use held::{Waiting, hold};

/// Sets whether standard error is left alone.
pub(crate) fn set_quiet(quiet: bool) {
    // ORDERING: a message at this very moment may go either way.
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Sends a message to the logger; without one, to standard error if it is at least a warning or a `notice`.
pub(crate) fn send(level: Level, notice: bool, target: &'static str, message: fmt::Arguments<'_>) {
    let is_wanted = if is_absent() { notice || level <= Level::Warn } else { level <= log::max_level() };
    if is_wanted {
        held::send(Message::Line { level, target, text: text::message(&message.to_string()).into_owned() });
    }
}

/// Sends a line of the audit log: to a logger alone.
#[cfg(feature = "http")]
pub(crate) fn audit(level: Level, target: &'static str, message: fmt::Arguments<'_>) {
    if !is_absent() {
        send(level, false, target, message);
    }
}

/// Returns whether the program has no logger.
pub(crate) fn is_absent() -> bool {
    log::max_level() == LevelFilter::Off
}

/// Writes a page for people to standard error, unless that is to be left alone.
pub(crate) fn print(page: impl fmt::Display) {
    held::send(Message::Page(page.to_string()));
}

/// Waits for the end of a thread that logs, unless the host's logger does not return to it.
pub(crate) fn join(thread: JoinHandle<()>) {
    let begin = Instant::now();
    while !thread.is_finished() && begin.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
    if thread.is_finished() {
        // Its panic has been reported by the panic hook.
        let _ = thread.join();
    }
}

/// Something for people.
enum Message {
    Line { level: Level, target: &'static str, text: String },
    Page(String),
}

impl Message {
    /// Gives it to whoever it is for. Never panics, whatever the host's logger does.
    fn deliver(self) {
        let delivered = catch_unwind(AssertUnwindSafe(|| match &self {
            Self::Line { level, target, text } if !is_absent() => log::log!(target: target, *level, "{text}"),
            _ if is_silenced() => {}
            Self::Line { level, text, .. } => tell_once(*level, text, &mut io::stderr().lock()),
            // Nobody may be reading any more.
            Self::Page(page) => drop(without_signals(|| writeln!(io::stderr().lock(), "\n{page}"))),
        }));
        // A logger's panic has been reported by the panic hook; what it carries may panic when it is dropped.
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
    // Nobody may be reading any more.
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
