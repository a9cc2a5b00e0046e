//! hotpath, with its guard alive and its report read back as JSON.

use hotpath::{Format, HotpathGuard, HotpathGuardBuilder};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Evidence, Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// A profiler that keeps statistics per function instead of spans. When off, it is linked with its
/// feature on, without a guard.
pub(crate) struct Hotpath;

impl Subject for Hotpath {
    fn name(&self) -> &'static str {
        "hotpath"
    }

    fn title(&self) -> &'static str {
        "hotpath 0.30"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        match scenario {
            Scenario::Off | Scenario::On | Scenario::TwoThreads => Some(flat),
            Scenario::Nested => Some(deep),
            _ => None,
        }
    }

    fn start(&self, _: Scenario, _: u64) -> Result<Box<dyn Recording>> {
        let dir = tempfile::tempdir()?;
        let guard = HotpathGuardBuilder::new("bench").format(Format::Json).output_path(dir.path().join(REPORT)).build();
        Ok(Box::new(Guarded { guard, dir }))
    }
}

const REPORT: &str = "report.json";

/// Recording of hotpath, which writes its report when the guard is dropped.
struct Guarded {
    guard: HotpathGuard,
    dir: TempDir,
}

impl Recording for Guarded {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        drop(self.guard);
        Ok(Box::new(Report(self.dir)))
    }
}

/// Folder with the report.
struct Report(TempDir);

impl Kept for Report {
    fn evidence(&self) -> Result<Evidence> {
        let text = fs::read_to_string(self.0.path().join(REPORT))?;
        Ok(Evidence::spans(calls(&serde_json::from_str(&text)?)))
    }
}

/// Sums the calls of this bench's functions at any depth of the report.
fn calls(report: &Value) -> u64 {
    match report {
        Value::Array(all) => all.iter().map(calls).sum(),
        Value::Object(entry) => {
            let name = entry.get("name").and_then(Value::as_str).unwrap_or("");
            let ours = name.ends_with("::span") || name.ends_with("::nested");
            match entry.get("calls").and_then(Value::as_u64) {
                Some(calls) if ours => calls,
                _ => entry.values().map(calls).sum(),
            }
        }
        _ => 0,
    }
}

#[hotpath::measure]
#[inline(never)]
fn span(x: u64) -> u64 {
    work(x)
}

#[hotpath::measure]
#[inline(never)]
fn nested(depth: u32, x: u64) -> u64 {
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}

fn deep(spans: u64) {
    workload::in_units(spans, |unit| workload::nested(unit, nested));
}
