//! Messages for people: through the host's logger, or on standard error where it has none.
//!
//! A profiler that fails silently looks like one that found nothing. So a program without a logger
//! (`log::max_level()` is `Off`, as with a `tracing` subscriber alone) gets errors, warnings and
//! the artifacts' folder on standard error, each text once. `PROFILER_LOG=off` and the
//! configuration's `quiet` stop that; a logger's own level is the host's choice and decides alone.
//! Nothing here panics: a panicking logger is the host's, and costs one message. A logger that
//! blocks or calls the profiler finds none of its locks held, and no recording waiting for
//! artifacts.

mod held;
mod message;

use std::fmt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::Level;

use message::Message;
use profiler_core::hooks::warning::Listener;
use profiler_trace::text;

pub(crate) use held::{Waiting, hold};
pub(crate) use message::{is_absent, set_quiet};

/// Time that an ended session waits for the host's logger to deliver its messages.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Sends an error.
macro_rules! error {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Error, false, module_path!(), format_args!($($message)+)) };
}

/// Sends a warning.
macro_rules! warning {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Warn, false, module_path!(), format_args!($($message)+)) };
}

/// Sends a message for loggers alone.
macro_rules! info {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Info, false, module_path!(), format_args!($($message)+)) };
}

/// Sends a message that is no problem and yet shown without a logger: where the artifacts are.
macro_rules! notice {
    ($($message:tt)+) => { $crate::logging::send(::log::Level::Info, true, module_path!(), format_args!($($message)+)) };
}

// `warn` itself is an attribute of the language.
pub(crate) use {error, info, notice, warning as warn};

inventory::submit! { Listener(|text| warning!("{text}")) }

/// Sends a message to the logger; without one, to standard error if it is at least a warning or a
/// `notice`.
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
