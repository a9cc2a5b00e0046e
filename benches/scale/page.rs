//! The table, and its page in the documentation.

use crate::sample::Sample;
use profiler_benches::table::{NONE, Table, figure};

/// Text before the table.
const INTRODUCTION: &str = "\
# From ten thousand ranges to a hundred million

What a range costs does not depend on how many there are, and neither does the memory that an export
takes. Every session costs some milliseconds once, which is why ranges of a small one cost more.

![CPU time per range, and memory, by number of ranges](scale.svg)

";

/// Text after the table.
const NOTES: &str = "
A stage with nine ops in it, over and over, on one thread; each row is a process of its own. Times
are CPU time of all threads, the kernel's part included, which is what the disk costs; wall time
depends on what else the machine does. *Bytes* are those of the trace on the disk. *Added* is the
memory that stop and export took beyond the recording's. From ten million ranges on, the recording
lies in a file (`spool: true`): a fresh page of a file costs more than one of memory, and leaves
memory again. `stop_profile` returns before the export begins. A hundred million ranges are written
compressed only: as plain JSON they take 13 GB. The machine has two cores and does other work at the
same time.

```sh long
cargo bench -p profiler-benches --bench scale -- --largest 100000000
```
";

/// Returns the page.
pub(crate) fn text(samples: &[Sample]) -> String {
    format!("{INTRODUCTION}{}{NOTES}", table(samples))
}

/// Returns the table, one row per size and format.
pub(crate) fn table(samples: &[Sample]) -> Table {
    let mut table = Table::new([
        "file",
        "ranges",
        "recording, ns a range",
        "stop, ms",
        "export, ns a range",
        "in the kernel",
        "million ranges/s",
        "wall, ns a range",
        "bytes a range",
        "peak, MB",
        "added, MB",
        "budget, MB",
    ]);
    samples.iter().for_each(|sample| table.row(row(sample)));
    table
}

fn row(sample: &Sample) -> Vec<String> {
    let per_range = |total| figure(sample.per_range(total));
    let megabytes = |bytes: u64| figure(bytes as f64 / 1e6);
    vec![
        sample.form.title().to_owned(),
        grouped(sample.ranges),
        per_range(sample.record_ns),
        figure(sample.stop_ns as f64 / 1e6),
        per_range(sample.export_ns),
        // The kernel's clock ticks a hundred times per second.
        if sample.export_ns > 100_000_000 { per_range(sample.export_kernel_ns) } else { NONE.to_owned() },
        figure(1e3 / sample.per_range(sample.export_ns)),
        per_range(sample.export_wall_ns),
        per_range(sample.trace_bytes),
        megabytes(sample.peak_bytes),
        megabytes(sample.added_bytes),
        sample.budget_bytes.map_or_else(|| "in a file".to_owned(), megabytes),
    ]
}

/// Formats a number with separators: `10,000,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
