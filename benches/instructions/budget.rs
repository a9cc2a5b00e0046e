//! Budgets of instructions per span, which CI enforces.
//!
//! These are counts, not times: they are reproducible to 0.1 on any x86-64 machine. A change that
//! needs more must raise the figure here and explain why. There are two figures per row, because
//! the two builds inline differently across crates: with link-time optimisation, as in
//! `cargo bench`, and without, as in a plain `cargo build --release`.

use crate::subjects::OURS;
use crate::{Counted, bare_call};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::table::{NONE, Table};
use std::collections::BTreeMap;

/// Maximum instructions per span, minus the bare call. A new compiler version may change them by
/// one or two.
struct Row {
    subject: &'static str,
    scenario: Scenario,
    with_lto: f64,
    without: f64,
}

const fn row(subject: &'static str, scenario: Scenario, with_lto: f64, without: f64) -> Row {
    Row { subject, scenario, with_lto, without }
}

/// Placeholder for a budget that has not been set: the count is shown but not limited.
const OPEN: f64 = f64::INFINITY;

const BUDGET: [Row; 31] = [
    row(OURS, Scenario::Off, 6.0, OPEN),
    row(OURS, Scenario::On, 43.0, OPEN),
    row(OURS, Scenario::Nested, 43.0, OPEN),
    row(OURS, Scenario::Shapes, 346.0, OPEN),
    row(OURS, Scenario::Block, 50.0, OPEN),
    row(OURS, Scenario::Export, 1500.0, OPEN),
    row(OURS, Scenario::ExportShapes, 2240.0, OPEN),
    row(OURS, Scenario::ExportPerfetto, 460.0, OPEN),
    row(OURS, Scenario::ExportPerfettoShapes, 800.0, OPEN),
    row("ours-on-stream", Scenario::Off, 15.0, OPEN),
    row("ours-on-stream", Scenario::On, 99.5, OPEN),
    row("ours-nvtx", Scenario::Off, 731.0, OPEN),
    row("ours-nvtx", Scenario::On, 803.0, OPEN),
    row("ours-cupti", Scenario::On, 699.0, OPEN),
    row("ours-stacks", Scenario::On, 1762.0, OPEN),
    row("ours-named", Scenario::Off, 26.0, OPEN),
    row("ours-named", Scenario::On, 196.0, OPEN),
    row("ours-static", Scenario::Off, 25.0, OPEN),
    row("ours-static", Scenario::On, 96.5, OPEN),
    row("ours-step", Scenario::Off, 13.0, OPEN),
    row("ours-step", Scenario::On, 1026.0, OPEN),
    row("ours-on-gpu", Scenario::Off, 16.0, OPEN),
    row("ours-on-gpu", Scenario::On, 940.0, OPEN),
    row("ours-poll", Scenario::Off, 19.0, OPEN),
    row("ours-poll", Scenario::On, 259.0, OPEN),
    row("ours-memory", Scenario::Off, 23.0, OPEN),
    row("ours-memory", Scenario::On, 402.0, OPEN),
    row("ours-spool", Scenario::On, 43.3, OPEN),
    row("library", Scenario::Off, 6.0, OPEN),
    row("library", Scenario::On, 54.7, OPEN),
    row("library", Scenario::Block, 58.8, OPEN),
];
/// Maximum allocations per span, in steady state.
const ALLOCATIONS: f64 = 0.005;

/// Returns the scenarios in which the subject has a budget.
pub(crate) fn scenarios(subject: &str) -> Vec<Scenario> {
    BUDGET.iter().filter(|row| row.subject == subject).map(|row| row.scenario).collect()
}

/// Table of counts and budgets, and the rows that exceed theirs.
pub(crate) struct Verdict {
    pub(crate) table: String,
    over: Vec<String>,
}

impl Verdict {
    /// Compares the counted subjects with their budgets.
    pub(crate) fn new(all: &BTreeMap<&str, Counted>, with_lto: bool) -> Self {
        let bare = bare_call(all);
        let mut table = Table::new(["instructions per span", "scenario", "counted", "budget"]);
        let mut over = Vec::new();
        for row in BUDGET {
            let Some(counted) = all.get(row.subject) else { continue };
            let budget = if with_lto { row.with_lto } else { row.without };
            // The bare call is not subtracted from exports, which are not calls.
            let bare = if row.scenario.is_export() { 0.0 } else { bare };
            let needed = counted.instructions.get(&row.scenario).map(|instructions| instructions - bare);
            if needed.is_none_or(|needed| needed > budget) {
                let needed = needed.map_or("not counted".to_owned(), |needed| format!("{needed:.1} instructions"));
                over.push(format!("{} {}: {needed}, the budget is {budget}", row.subject, row.scenario));
            }
            let shown = needed.map_or(NONE.to_owned(), |needed| format!("{needed:.1}"));
            table.row(vec![row.subject.to_owned(), row.scenario.to_string(), shown, budget.to_string()]);
        }
        if let Some(heap) = all.get(OURS).and_then(|ours| ours.heap).filter(|heap| heap.allocations > ALLOCATIONS) {
            over.push(format!("{} allocations per span", heap.allocations));
        }
        Self { table: table.to_string(), over }
    }

    /// Checks that no budget is exceeded.
    ///
    /// # Errors
    /// Returns an error that lists all rows over budget.
    pub(crate) fn check(self) -> Result<()> {
        if self.over.is_empty() { Ok(()) } else { Err(format!("over budget: {}", self.over.join("; ")).into()) }
    }
}
