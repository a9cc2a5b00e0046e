//! Allocation counts from valgrind's heap profiler, of all threads from start to exit.
//!
//! Memory from direct calls of `mmap` is not counted; tracy allocates that way.

use crate::valgrind::{self, Tool};
use profiler_benches::Result;
use profiler_benches::child::Order;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use serde::Serialize;

/// Heap usage of recording one span.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Heap {
    /// Number of allocations, on all threads.
    pub(crate) allocations: f64,
    /// Increase of the peak per additional span, in bytes.
    pub(crate) peak_bytes: f64,
}

/// Returns allocations and bytes per span.
///
/// # Errors
/// Returns an error if the heap profiler cannot run the subject.
pub(crate) fn heap(subject: &dyn Subject, scenario: Scenario) -> Result<Heap> {
    let (once, twice) = valgrind::twice::<Dhat>(subject, scenario)?;
    Ok(Heap {
        allocations: valgrind::per_span(scenario, once.blocks, twice.blocks),
        peak_bytes: valgrind::per_span(scenario, once.peak_bytes, twice.peak_bytes),
    })
}

struct Dhat;

struct Counts {
    blocks: u64,
    peak_bytes: u64,
}

impl Tool for Dhat {
    type Counts = Counts;

    fn count(subject: &dyn Subject, order: &Order) -> Result<Counts> {
        let dir = tempfile::tempdir()?;
        let out = dir.path().join("dhat.out");
        let wrapper = ["valgrind".to_owned(), "--tool=dhat".to_owned(), format!("--dhat-out-file={}", out.display())];
        let mut child = order.command(&wrapper)?;
        subject.prepare(&mut child, dir.path())?;
        let output = child.output()?;
        order.check(&output)?;
        let report = String::from_utf8_lossy(&output.stderr);
        let numbers = |label| numbers_after(&report, label).ok_or_else(|| format!("dhat printed no `{label}`"));
        let (_, blocks) = numbers("Total:")?;
        let (peak_bytes, _) = numbers("At t-gmax:")?;
        Ok(Counts { blocks, peak_bytes })
    }
}

/// Reads `label 1,234 bytes in 56 blocks`.
fn numbers_after(report: &str, label: &str) -> Option<(u64, u64)> {
    let (_, rest) = report.split_once(label)?;
    let line = rest.lines().next()?;
    let mut numbers = line.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok());
    Some((numbers.next()?, numbers.next()?))
}
