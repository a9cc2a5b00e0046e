//! The table of the cost of one span to the recording thread.

use crate::subjects;
use profiler_benches::Result;
use profiler_benches::arguments::Arguments;
use profiler_benches::child::Order;
use profiler_benches::rounds::{self, Series};
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use profiler_benches::table::{NONE, Table, figure, ratio};

/// Measures every selected subject in every scenario that it supports.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Series>> {
    let mut orders = Vec::new();
    for subject in subjects::all() {
        // The lower bound is always measured, because the ratios refer to it.
        if arguments.wants(subject.name()) || subject.name() == subjects::LOWER_BOUND {
            let has = |scenario: &Scenario| subject.work(*scenario).is_some();
            let order = |scenario| Order::new(subject, scenario, spans(scenario, arguments.quick));
            orders.extend(Scenario::PER_SPAN.into_iter().filter(has).map(order));
        }
    }
    rounds::run(&orders, arguments.rounds)
}

/// Returns the number of spans per sample: many if a span costs almost nothing, but few enough to
/// keep tracing-chrome's queue small.
fn spans(scenario: Scenario, quick: bool) -> u64 {
    let spans = if scenario.records() { 200_000 } else { 5_000_000 };
    if quick { spans / 10 } else { spans }
}

/// Returns the Markdown table, with an explanation.
pub(crate) fn table(all: &[Series]) -> String {
    let mut table = Table::new([
        "ns of CPU per span",
        "off",
        "× bound",
        "recording",
        "× bound",
        "8 nested",
        "with shapes",
        "2 threads",
        "2 / 1",
        "rest",
        "RSS B",
        "kept",
    ]);
    for subject in subjects::all() {
        if all.iter().any(|series| series.subject == subject.name()) {
            table.row(row(all, subject));
        }
    }
    let rounds = all.first().map_or(0, |series| series.samples.len());
    format!(
        "CPU time of the recording thread per span in ns, call included: the minimum of {rounds} rounds that took turns. \
         Below a nanosecond, differences are those of code alignment. \
         `rest` is CPU time elsewhere (the tool's own threads, flush, report or export); `RSS B` is the memory that \
         recording one span added; `kept` is the share of spans found in what the tool delivered.\n\n{table}"
    )
}

fn row(all: &[Series], subject: &dyn Subject) -> Vec<String> {
    let series = |scenario| rounds::find(all, subject.name(), scenario);
    let ns = |scenario| series(scenario).map(Series::ns_per_span);
    let bound = |scenario| rounds::find(all, subjects::LOWER_BOUND, scenario).map(Series::ns_per_span);
    let shown = |value: Option<f64>| value.map_or(NONE.to_owned(), figure);
    let divided = |value: Option<f64>, by: Option<f64>| match (value, by) {
        (Some(value), Some(by)) => ratio(value, by),
        _ => NONE.to_owned(),
    };
    let (off, on, two) = (ns(Scenario::Off), ns(Scenario::On), ns(Scenario::TwoThreads));
    let plain = series(Scenario::On);
    vec![
        subject.title().to_owned(),
        shown(off),
        divided(off, bound(Scenario::Off)),
        shown(on),
        divided(on, bound(Scenario::On)),
        shown(ns(Scenario::Nested)),
        shown(ns(Scenario::Shapes)),
        shown(two),
        divided(two, on),
        shown(plain.map(|plain| plain.min(|sample| sample.rest_ns_per_span))),
        shown(plain.map(|plain| plain.min(|sample| sample.resident_per_span))),
        plain.and_then(Series::kept).map_or(NONE.to_owned(), |kept| format!("{:.0} %", kept * 100.0)),
    ]
}
