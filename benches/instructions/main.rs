//! `cargo bench -p profiler-benches --bench instructions`: instructions and allocations per span,
//! counted by valgrind.
//!
//! Unlike times, these counts hardly depend on the machine, so they can have a budget. Without
//! valgrind the bench reports that and succeeds. With `--budget` it counts the rows of [`budget`]
//! instead, and fails if this product exceeds one. The budget applies to a build with link-time
//! optimisation, or with `--without-lto` to a plain release build (`--profile release`).

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
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

const SCENARIOS: [Scenario; 5] = [Scenario::Off, Scenario::On, Scenario::Nested, Scenario::Shapes, Scenario::Block];

/// Counts per span of one subject.
#[derive(Debug, Default, Serialize)]
struct Counted {
    instructions: BTreeMap<Scenario, f64>,
    heap: Option<Heap>,
}

fn main() -> ExitCode {
    report::main(&all_subjects(), bench)
}

fn bench(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments)?;
    if !valgrind::is_installed() {
        return report::section("Instructions per span: not counted, because `valgrind` is not installed.");
    }
    let mut wanted = Vec::new();
    for subject in all_subjects() {
        // The bare call is always counted, because the others are relative to it.
        let is_bare = subject.name() == subjects::BARE;
        let scenarios = if arguments.budget && !is_bare { budget::scenarios(subject.name()) } else { columns(subject) };
        if arguments.wants(subject.name()) || is_bare {
            wanted.extend(scenarios.into_iter().map(|scenario| (subject, scenario)));
        }
    }
    let all = count_all(&wanted)?;
    writeln!(io::stderr())?;
    if let Some(file) = &arguments.json {
        report::save(file, "instructions", &all)?;
    }
    if arguments.budget {
        let verdict = budget::Verdict::new(&all, !arguments.without_lto);
        report::section(&verdict.table)?;
        verdict.check()
    } else {
        report::section(table(&all))
    }
}

/// Returns all subjects: the compared tools, and those that only have budgets.
fn all_subjects() -> Vec<&'static dyn Subject> {
    subjects::all().into_iter().chain(guarded::all()).collect()
}

/// Returns the columns of a subject in the comparison.
fn columns(subject: &dyn Subject) -> Vec<Scenario> {
    let is_compared = subjects::all().iter().any(|compared| compared.name() == subject.name());
    SCENARIOS.into_iter().filter(|scenario| is_compared && subject.work(*scenario).is_some()).collect()
}

/// Returns the instructions of the bare call, which are subtracted from those of the other
/// subjects.
fn bare_call(all: &BTreeMap<&str, Counted>) -> f64 {
    all.get(subjects::BARE).and_then(|bare| bare.instructions.get(&Scenario::Off)).copied().unwrap_or(0.0)
}

/// Counts as many scenarios at a time as there are processors; counts do not depend on the load.
fn count_all(wanted: &[(&'static dyn Subject, Scenario)]) -> Result<BTreeMap<&'static str, Counted>> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(BTreeMap::new());
    let worker = || -> Result<(), String> {
        // ORDERING: only the number matters; what is counted goes through the lock.
        while let Some((subject, scenario)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (instructions, heap) =
                count(*subject, *scenario).map_err(|error| format!("{} {scenario}: {error}", subject.name()))?;
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            let counted: &mut Counted = all.entry(subject.name()).or_default();
            counted.instructions.insert(*scenario, instructions);
            counted.heap = counted.heap.or(heap);
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        running.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a count panicked".to_owned())))
    })?;
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn count(subject: &dyn Subject, scenario: Scenario) -> Result<(f64, Option<Heap>)> {
    write!(io::stderr(), ".")?;
    let instructions = callgrind::instructions(subject, scenario)?;
    // Other scenarios, and subjects outside of the comparison, allocate in the same way.
    let has_heap = scenario == Scenario::On && !columns(subject).is_empty();
    Ok((instructions, if has_heap { Some(dhat::heap(subject, scenario)?) } else { None }))
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
