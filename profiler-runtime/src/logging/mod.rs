//! Sends messages to the user: through the host's logger, or to standard error if the host has
//! none.
//!
//! A profiler that fails silently looks like one that found nothing. In a program without a logger
//! (`log::max_level()` is `Off`, as with only a `tracing` subscriber), errors, warnings and the
//! artifacts' folder therefore go to standard error, each line once. `PROFILER_LOG=off` and the
//! configuration's `quiet` stop that. If there is a logger, its level alone decides.
//!
//! Nothing here panics; a panic of the host's logger costs one message. A logger that blocks or
//! calls the profiler holds up neither a lock of the profiler nor the artifacts.

mod held;
mod message;

use std::fmt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::Level;

use message::Message;
use profiler_core::hooks::warning::Listener;
use profiler_trace::text;

pub(crate) use held::{HeldMessages, hold};
pub(crate) use message::{is_absent, set_quiet};

/// Time that an ended session waits for the host's logger to accept its messages.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends an error.
macro_rules! error {
    ($($message:tt)+) => {
        $crate::logging::send(::log::Level::Error, false, module_path!(), format_args!($($message)+))
    };
}

/// Sends a warning.
macro_rules! warning {
    ($($message:tt)+) => {
        $crate::logging::send(::log::Level::Warn, false, module_path!(), format_args!($($message)+))
    };
}

/// Sends a message that only a logger shows.
macro_rules! info {
    ($($message:tt)+) => {
        $crate::logging::send(::log::Level::Info, false, module_path!(), format_args!($($message)+))
    };
}

/// Sends a message that is no problem but is shown without a logger too: where the artifacts are.
macro_rules! notice {
    ($($message:tt)+) => {
        $crate::logging::send(::log::Level::Info, true, module_path!(), format_args!($($message)+))
    };
}

// The name `warn` is taken by a built-in attribute.
pub(crate) use {error, info, notice, warning as warn};

inventory::submit! { Listener(|text| warning!("{text}")) }

/// Sends a message to the logger. Without one, writes it to standard error if it is a warning, an
/// error or a `notice`.
pub(crate) fn send(level: Level, notice: bool, target: &'static str, message: fmt::Arguments<'_>) {
    let is_wanted = if is_absent() { notice || level <= Level::Warn } else { level <= log::max_level() };
    if is_wanted {
        held::send(Message::Line { level, target, text: text::message(&message.to_string()).into_owned() });
    }
}

/// Sends a line of the audit log, which only a logger shows.
#[cfg(feature = "http")]
pub(crate) fn audit(level: Level, target: &'static str, message: fmt::Arguments<'_>) {
    if !is_absent() {
        send(level, false, target, message);
    }
}

/// Writes a page for the user to standard error, unless that is silenced.
pub(crate) fn print(page: impl fmt::Display) {
    held::send(Message::Page(page.to_string()));
}

/// Waits for the end of a thread that logs. Gives up after [`TIMEOUT`], because the host's logger
/// may block.
pub(crate) fn join(thread: JoinHandle<()>) {
    let begin = Instant::now();
    while !thread.is_finished() && begin.elapsed() < TIMEOUT {
        std::thread::sleep(Duration::from_millis(1));
    }
    if thread.is_finished() {
        // The panic hook has reported a panic of the thread.
        let _ = thread.join();
    }
}
