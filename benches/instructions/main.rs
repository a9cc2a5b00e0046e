//! `cargo bench -p profiler-benches --bench instructions`: instructions and allocations per span,
//! counted by valgrind.
//!
//! Unlike times, these counts hardly depend on the machine, so they can be a budget. Without
//! valgrind the bench says so and succeeds. With `--budget` it counts what [`budget`] names
//! instead, and fails if this product needs more than that allows: with link-time optimisation, or
//! as a plain release build (`--profile release`), which `--without-lto` tells.

mod budget;
mod callgrind;
mod dhat;
mod guarded;
#[path = "../subjects/mod.rs"]
mod subjects;
mod valgrind;

use dhat::Heap;
use profiler_benches::arguments::Arguments;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use profiler_benches::table::{NONE, Table};
use profiler_benches::{Result, report};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

const SCENARIOS: [Scenario; 5] = [Scenario::Off, Scenario::On, Scenario::Nested, Scenario::Shapes, Scenario::Block];

/// What one subject was counted to need per span.
#[derive(Debug, Serialize)]
struct Counted {
    instructions: BTreeMap<Scenario, f64>,
    heap: Option<Heap>,
}

fn main() -> ExitCode {
    report::main(&everything(), bench)
}

fn bench(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments)?;
    if !valgrind::is_installed() {
        return report::section("Instructions per span: not counted, because `valgrind` is not installed.");
    }
    let mut all: BTreeMap<&str, Counted> = BTreeMap::new();
    for subject in everything() {
        // What the bare call needs is taken off the others.
        let is_bare = subject.name() == subjects::BARE;
        let scenarios = if arguments.budget && !is_bare { budget::scenarios(subject.name()) } else { columns(subject) };
        if (arguments.wants(subject.name()) || is_bare) && !scenarios.is_empty() {
            all.insert(subject.name(), count(subject, &scenarios)?);
        }
    }
    writeln!(io::stderr())?;
    if let Some(file) = &arguments.json {
        report::save(file, "instructions", &all)?;
    }
    if arguments.budget {
        let verdict = budget::Verdict::of(&all, !arguments.without_lto);
        report::section(&verdict.table)?;
        verdict.check()
    } else {
        report::section(table(&all))
    }
}

/// All that can be counted: the tools that are compared, and what only the budget is about.
fn everything() -> Vec<&'static dyn Subject> {
    subjects::all().into_iter().chain(guarded::all()).collect()
}

/// Returns the columns of the comparison that a subject has.
fn columns(subject: &dyn Subject) -> Vec<Scenario> {
    let is_compared = subjects::all().iter().any(|compared| compared.name() == subject.name());
    SCENARIOS.into_iter().filter(|scenario| is_compared && subject.work(*scenario).is_some()).collect()
}

/// What the call itself needs, which is taken off every other subject's count.
fn bare_call(all: &BTreeMap<&str, Counted>) -> f64 {
    all.get(subjects::BARE).and_then(|bare| bare.instructions.get(&Scenario::Off)).copied().unwrap_or(0.0)
}

fn count(subject: &dyn Subject, scenarios: &[Scenario]) -> Result<Counted> {
    let mut instructions = BTreeMap::new();
    for scenario in scenarios {
        write!(io::stderr(), ".")?;
        instructions.insert(*scenario, callgrind::instructions(subject, *scenario)?);
    }
    // What is recorded elsewhere, or described, allocates no other way.
    let is_compared = !columns(subject).is_empty();
    let heap =
        if is_compared && scenarios.contains(&Scenario::On) { Some(dhat::heap(subject, Scenario::On)?) } else { None };
    Ok(Counted { instructions, heap })
}

fn table(all: &BTreeMap<&str, Counted>) -> String {
    let mut table = Table::new([
        "instructions per span",
        "off",
        "recording",
        "8 nested",
        "with shapes",
        "`stage!`",
        "allocations",
        "heap B",
    ]);
    let bare = bare_call(all);
    for subject in subjects::all() {
        if let Some(counted) = all.get(subject.name()) {
            let workload = if subject.name() == subjects::BARE { 0.0 } else { bare };
            table.row(row(subject, counted, workload));
        }
    }
    format!(
        "User-mode instructions of the recording thread per span, less the {bare:.1} of the bare call (whose own row \
         shows them): a budget, not a time, because reading a clock is one instruction or a hundred. Allocations are \
         those of all threads while recording plain spans; `heap B` is by how much one more span raises the peak. \
         tracy's own allocator is not seen.\n\n{table}"
    )
}

fn row(subject: &dyn Subject, counted: &Counted, workload: f64) -> Vec<String> {
    let shown =
        |value: Option<f64>, decimals: usize| value.map_or(NONE.to_owned(), |value| format!("{value:.decimals$}"));
    let cell = |scenario| shown(counted.instructions.get(&scenario).map(|n| n - workload), 1);
    let mut row = vec![subject.title().to_owned()];
    row.extend(SCENARIOS.map(cell));
    row.push(shown(counted.heap.map(|heap| heap.allocations), 2));
    row.push(shown(counted.heap.map(|heap| heap.peak_bytes), 0));
    row
}
