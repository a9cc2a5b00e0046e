//! Runs of a child under a valgrind tool: one run, or two where one-time work must not count.
//!
//! Two runs use n and 2n spans, so that the difference excludes start-up and all other one-time
//! work. A tool that only counts the recording after its warm-up needs one run.

use profiler_benches::Result;
use profiler_benches::child::Order;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use std::process::{Command, Stdio};

/// Number of spans of the shorter run and of the warm-up, enough to average a tool's rare work,
/// such as a new chunk.
const SPANS: u64 = 20_000;
/// Number of ranges of the shorter export.
const EXPORTED: u64 = 50_000;

/// Returns whether valgrind can be run.
pub(crate) fn is_installed() -> bool {
    let mut version = Command::new("valgrind");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// A valgrind tool.
pub(crate) trait Tool {
    /// Counts of one run.
    type Counts;

    /// Runs a child with the order, and parses the tool's output.
    ///
    /// # Errors
    /// Returns an error if the child fails or the output cannot be parsed.
    fn count(subject: &dyn Subject, order: &Order) -> Result<Self::Counts>;
}

/// Counts one run, after a warm-up.
///
/// # Errors
/// Returns an error if the run fails.
pub(crate) fn once<T: Tool>(subject: &dyn Subject, scenario: Scenario) -> Result<T::Counts> {
    T::count(subject, &Order { warm_up: SPANS, ..Order::new(subject, scenario, SPANS) })
}

/// Counts two runs.
///
/// # Errors
/// Returns an error if a run fails.
pub(crate) fn twice<T: Tool>(subject: &dyn Subject, scenario: Scenario) -> Result<(T::Counts, T::Counts)> {
    let spans = spans(scenario);
    let warm_up = if scenario.is_export() { 0 } else { spans };
    let count = |spans| T::count(subject, &Order { warm_up, ..Order::new(subject, scenario, spans) });
    Ok((count(spans)?, count(2 * spans)?))
}

fn spans(scenario: Scenario) -> u64 {
    if scenario.is_export() { EXPORTED } else { SPANS }
}

/// Returns the difference between two runs per span.
pub(crate) fn per_span(scenario: Scenario, once: u64, twice: u64) -> f64 {
    (twice as f64 - once as f64) / spans(scenario) as f64
}
