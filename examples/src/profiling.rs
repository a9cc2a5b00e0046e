//! Starts the profiler as the flags and the environment say.
//!
//! Besides the attributes on its functions, a program needs nothing else. A failure of the profiler
//! should not stop the program's own work, so the caller decides how to handle it.

use std::io::{self, Write};

use log::{Level, LevelFilter, Log, Metadata, Record};
use profiler_runtime::config::{PrintSummary, ProfilerArgs};
use profiler_runtime::{Error, ProfileGuard, ProfilerConfig, profile_with};

/// Prefix of the targets of the profiler's log lines.
const TARGET: &str = "profiler_runtime";
/// Target of log lines about requests to the profiler.
const AUDIT: &str = "profiler_runtime::audit";

/// Starts a session that lasts as long as the returned guard, configured by `args` or the
/// environment, else by `unless_asked`.
///
/// # Errors
/// If the configuration is invalid, or the folder for the artifacts cannot be written.
pub fn start(args: ProfilerArgs, unless_asked: Option<ProfilerConfig>) -> Result<Option<ProfileGuard>, Error> {
    let config = args.into_config(|name| std::env::var_os(name))?;
    match config {
        Some(parsed) if parsed.config.is_off() => Ok(None),
        Some(mut parsed) => {
            parsed.config.print_summary = without_auto(parsed.config.print_summary);
            profile_with(parsed).map(Some)
        }
        None => unless_asked.map(|config| profile_with(config.print_summary(PrintSummary::Never))).transpose(),
    }
}

/// Disables the automatic summary, because the program prints the summary itself.
fn without_auto(setting: PrintSummary) -> PrintSummary {
    if setting == PrintSummary::Auto { PrintSummary::Never } else { setting }
}

/// Installs a logger that prints the profiler's warnings to stderr and, in a server, who started
/// and stopped it. Does nothing if the program has a logger of its own.
pub fn show_warnings() {
    struct Stderr;

    impl Log for Stderr {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            let wanted = if metadata.target() == AUDIT { Level::Info } else { Level::Warn };
            metadata.target().starts_with(TARGET) && metadata.level() <= wanted
        }

        fn log(&self, record: &Record<'_>) {
            if self.enabled(record.metadata()) {
                // If stderr is closed, there is nowhere left to report to.
                let _ = writeln!(io::stderr(), "profiler: {}", record.args());
            }
        }

        fn flush(&self) {}
    }

    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
