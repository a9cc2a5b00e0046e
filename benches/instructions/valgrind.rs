//! Runs a child under one of valgrind's tools: once, or twice where what happens once must not
//! count.
//!
//! Twice is with n and with 2n spans: the difference has no start-up in it, and nothing else that
//! happens once. A tool that counts nothing but the recording after its warm-up needs no second
//! run.

use profiler_benches::Result;
use profiler_benches::child::Order;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use std::process::{Command, Stdio};

/// Spans of the shorter run, and of the warm-up: enough that a tool's rare work, such as a new
/// chunk, is in the average.
const SPANS: u64 = 20_000;
/// Ranges of the shorter export.
const EXPORTED: u64 = 50_000;

/// Whether valgrind can be run here.
pub(crate) fn is_installed() -> bool {
    let mut version = Command::new("valgrind");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// What one run counted, by the tool's own words.
pub(crate) trait Tool {
    /// The figures that are read.
    type Counts;

    /// Runs the order's child on the subject's machine and reads what the tool wrote.
    ///
    /// # Errors
    /// When the child fails or the tool's output is not understood.
    fn count(subject: &dyn Subject, order: &Order) -> Result<Self::Counts>;
}

/// Counts once, after a warm-up.
///
/// # Errors
/// When the run fails.
pub(crate) fn once<T: Tool>(subject: &dyn Subject, scenario: Scenario) -> Result<T::Counts> {
    T::count(subject, &Order { warm_up: SPANS, ..Order::new(subject, scenario, SPANS) })
}

/// Counts twice.
///
/// # Errors
/// When one of the runs fails.
pub(crate) fn twice<T: Tool>(subject: &dyn Subject, scenario: Scenario) -> Result<(T::Counts, T::Counts)> {
    let spans = spans(scenario);
    let warm_up = if scenario.is_export() { 0 } else { spans };
    let count = |spans| T::count(subject, &Order { warm_up, ..Order::new(subject, scenario, spans) });
    Ok((count(spans)?, count(2 * spans)?))
}

fn spans(scenario: Scenario) -> u64 {
    if scenario.is_export() { EXPORTED } else { SPANS }
}

/// The part of a difference that one span caused.
pub(crate) fn per_span(scenario: Scenario, once: u64, twice: u64) -> f64 {
    (twice as f64 - once as f64) / spans(scenario) as f64
}
