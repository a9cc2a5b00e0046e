//! The table of export costs: turning ranges into a file that a trace viewer opens, at growing
//! sizes.
//!
//! It contains only subjects that write such a file: ours, and tracing-chrome, which writes while
//! it records.

use crate::subjects;
use profiler_benches::Result;
use profiler_benches::arguments::Arguments;
use profiler_benches::child::Order;
use profiler_benches::rounds::{self, Series};
use profiler_benches::scenario::Scenario;
use profiler_benches::table::{NONE, Table, figure};

/// Maximum export of other profilers: tracing-chrome's queue is unbounded and needs 3 GB for 10^7
/// spans.
const MAX_PEER_SPANS: u64 = 1_000_000;

/// Measures exports of 10^4 to 10^7 ranges, plain and compressed.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Series>> {
    let largest = if arguments.quick { 100_000 } else { 10_000_000 };
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000];
    let mut orders = Vec::new();
    for subject in subjects::all() {
        let ours = subject.name() == subjects::OURS;
        let fits = |spans: &u64| *spans <= if ours { largest } else { largest.min(MAX_PEER_SPANS) };
        for scenario in Scenario::EXPORTS {
            if arguments.wants(subject.name()) && subject.work(scenario).is_some() {
                let order = |spans| Order { warm_up: 0, ..Order::new(subject, scenario, spans) };
                orders.extend(sizes.into_iter().filter(fits).map(order));
            }
        }
    }
    rounds::run(&orders, arguments.rounds.min(3))
}

/// Returns the Markdown table, with an explanation.
pub(crate) fn table(all: &[Series]) -> String {
    let mut table = Table::new([
        "export to a trace",
        "ranges",
        "CPU ms",
        "in kernel",
        "M events/s",
        "without kernel",
        "MB/s before gzip",
        "wall ms",
        "file MB",
        "memory added MB",
        "kept",
    ]);
    for series in all {
        table.row(row(series));
    }
    format!(
        "CPU time spent outside the recording thread until the file is complete, all artifacts included; `in kernel` \
         is the part of it that the operating system took to write, in steps of 10 ms. Wall time and memory count from \
         the end of the last span. The minimum of {} rounds.\n\n{table}",
        all.first().map_or(0, |series| series.samples.len())
    )
}

fn row(series: &Series) -> Vec<String> {
    let title = subjects::all().iter().find(|subject| subject.name() == series.subject).map_or("", |s| s.title());
    let kind = match series.scenario {
        Scenario::ExportShapes => ", with shapes",
        Scenario::ExportGzip => ", gzip",
        Scenario::ExportPerfetto => ", Perfetto's format",
        Scenario::ExportPerfettoShapes => ", Perfetto's format, with shapes",
        Scenario::ExportPerfettoGzip => ", Perfetto's format, gzip",
        _ => "",
    };
    let made = series.min(|sample| sample.made as f64);
    let cpu_s = series.min(|sample| sample.rest_ns_per_span) * made / 1e9;
    let kernel_s = series.min(|sample| sample.rest_kernel_ns_per_span) * made / 1e9;
    let own_s = series.min(|sample| sample.rest_ns_per_span - sample.rest_kernel_ns_per_span) * made / 1e9;
    let file_mb = series.min(|sample| sample.file_bytes as f64) / 1e6;
    let text_mb = series.min(|sample| sample.text_bytes as f64) / 1e6;
    vec![
        format!("{title}{kind}"),
        format!("{made:.0}"),
        figure(cpu_s * 1e3),
        figure(kernel_s * 1e3),
        figure(made / cpu_s / 1e6),
        if kernel_s > 0.0 { figure(made / own_s / 1e6) } else { NONE.to_owned() },
        figure(text_mb / cpu_s),
        figure(series.min(|sample| sample.finish_wall_ns as f64 / 1e6)),
        figure(file_mb),
        figure(series.min(|sample| sample.finish_added_bytes as f64 / 1e6)),
        series.kept().map_or(NONE.to_owned(), |kept| format!("{:.0} %", kept * 100.0)),
    ]
}
