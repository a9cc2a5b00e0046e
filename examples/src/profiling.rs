//! The profiler around a program: what the flags and the environment ask for, started.
//!
//! This is all that a program needs beside the attributes on its functions. Trouble with the
//! profiler is never a reason not to generate, so the caller decides what to make of an error.

use std::io::{self, Write};

use log::{Level, LevelFilter, Log, Metadata, Record};
use profiler_runtime::config::{PrintSummary, ProfilerArgs};
use profiler_runtime::{Error, ProfileGuard, ProfilerConfig, profile_with};

/// What the profiler's log lines have in common.
const TARGET: &str = "profiler_runtime";
/// What those about requests to the profiler have.
const AUDIT: &str = "profiler_runtime::audit";

/// Starts a session that lasts as long as the result: as `args` or the environment say, else as
/// `unless_asked` says.
///
/// # Errors
/// When what they say cannot be used, or the folder for the artifacts cannot be written.
pub fn start(args: ProfilerArgs, unless_asked: Option<ProfilerConfig>) -> Result<Option<ProfileGuard>, Error> {
    let asked = args.into_config(|name| std::env::var_os(name))?;
    match asked {
        Some(parsed) if parsed.config.is_off() => Ok(None),
        Some(mut parsed) => {
            parsed.config.print_summary = unless_printed(parsed.config.print_summary);
            profile_with(parsed).map(Some)
        }
        None => unless_asked.map(|config| profile_with(config.print_summary(PrintSummary::Never))).transpose(),
    }
}

/// The program prints the summary itself, whether or not it runs in a terminal: once is enough.
fn unless_printed(asked: PrintSummary) -> PrintSummary {
    if asked == PrintSummary::Auto { PrintSummary::Never } else { asked }
}

/// Shows on stderr what the profiler warns of, and in a server who started and stopped it. A
/// program that has a logger of its own keeps it.
pub fn show_warnings() {
    struct Stderr;

    impl Log for Stderr {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            let wanted = if metadata.target() == AUDIT { Level::Info } else { Level::Warn };
            metadata.target().starts_with(TARGET) && metadata.level() <= wanted
        }

        fn log(&self, record: &Record<'_>) {
            if self.enabled(record.metadata()) {
                // With stderr gone there is nowhere left to report to.
                let _ = writeln!(io::stderr(), "profiler: {}", record.args());
            }
        }

        fn flush(&self) {}
    }

    // A program that has a logger of its own keeps it.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
