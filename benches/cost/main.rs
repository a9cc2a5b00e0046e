//! `cargo bench -p profiler-benches --bench cost`: CPU time per span and per exported range,
//! compared with other profilers.

mod export;
mod per_span;
#[path = "../subjects/mod.rs"]
mod subjects;

use profiler_benches::arguments::Arguments;
use profiler_benches::{Result, report};
use serde_json::json;
use std::process::ExitCode;

fn main() -> ExitCode {
    report::main(&subjects::all(), bench)
}

fn bench(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments)?;
    let per_span = per_span::measure(&arguments)?;
    report::section(per_span::table(&per_span))?;
    let exports = export::measure(&arguments)?;
    if !exports.is_empty() {
        report::section(export::table(&exports))?;
    }
    if let Some(file) = &arguments.json {
        let results = json!({ "per_span": per_span, "export": exports });
        report::save(file, "cost", &results)?;
    }
    Ok(())
}
