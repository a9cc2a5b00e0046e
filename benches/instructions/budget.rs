//! How many instructions this product may need per span: what CI holds it to.
//!
//! Counts, not times: they repeat to a tenth on any x86-64 machine. A change that needs more has to
//! raise the figure here, and say why. Two figures, because what is inlined across crates is not
//! the same in the two builds: with link-time optimisation, as `cargo bench` builds, and as a plain
//! `cargo build --release` does.

use crate::subjects::OURS;
use crate::{Counted, bare_call};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::table::{NONE, Table};
use std::collections::BTreeMap;

/// The most per span, less the bare call. A compiler's next version may move an instruction or two.
struct Row {
    subject: &'static str,
    scenario: Scenario,
    with_lto: f64,
    without: f64,
}

const fn row(subject: &'static str, scenario: Scenario, with_lto: f64, without: f64) -> Row {
    Row { subject, scenario, with_lto, without }
}

/// A figure that is still to be set: it is counted and shown, and holds nobody.
const OPEN: f64 = f64::INFINITY;

const BUDGET: [Row; 27] = [
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
/// Allocations per span, in steady state.
const ALLOCATIONS: f64 = 0.005;

/// Returns the scenarios in which the subject has a budget.
pub(crate) fn scenarios(subject: &str) -> Vec<Scenario> {
    BUDGET.iter().filter(|row| row.subject == subject).map(|row| row.scenario).collect()
}

/// Counts beside their budgets, and every row that is over its own.
pub(crate) struct Verdict {
    pub(crate) table: String,
    over: Vec<String>,
}

impl Verdict {
    /// Compares the subjects that were counted with the budget.
    pub(crate) fn of(all: &BTreeMap<&str, Counted>, with_lto: bool) -> Self {
        let bare = bare_call(all);
        let mut table = Table::new(["instructions per span", "scenario", "counted", "budget"]);
        let mut over = Vec::new();
        for row in BUDGET {
            let Some(counted) = all.get(row.subject) else { continue };
            let most = if with_lto { row.with_lto } else { row.without };
            // An export is no call.
            let less = if row.scenario.is_export() { 0.0 } else { bare };
            let needed = counted.instructions.get(&row.scenario).map(|instructions| instructions - less);
            if needed.is_none_or(|needed| needed > most) {
                let needed = needed.map_or("not counted".to_owned(), |needed| format!("{needed:.1} instructions"));
                over.push(format!("{} {}: {needed}, the budget is {most}", row.subject, row.scenario));
            }
            let shown = needed.map_or(NONE.to_owned(), |needed| format!("{needed:.1}"));
            table.row(vec![row.subject.to_owned(), row.scenario.to_string(), shown, most.to_string()]);
        }
        if let Some(heap) = all.get(OURS).and_then(|ours| ours.heap).filter(|heap| heap.allocations > ALLOCATIONS) {
            over.push(format!("{} allocations a span", heap.allocations));
        }
        Self { table: table.to_string(), over }
    }

    /// # Errors
    /// The budget is exceeded; all that is wrong is named.
    pub(crate) fn check(self) -> Result<()> {
        if self.over.is_empty() { Ok(()) } else { Err(format!("over budget: {}", self.over.join("; ")).into()) }
    }
}
