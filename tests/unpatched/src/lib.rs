//! Proof that `profiler-tracing` shows every span of a program: the program runs once, with
//! tracing-chrome beside our layer, and both must have seen the same spans.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use profiler_runtime::ProfilerConfig;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

/// Result of a program.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Runs `program` in a session, and compares the spans in the trace with those that tracing-chrome
/// saw. Prints a table. The session's folder is kept if the first argument of the process names
/// one.
///
/// # Errors
/// Returns an error if the program fails, or if a span's count differs.
pub fn prove(program: impl FnOnce() -> Outcome) -> Outcome {
    let folder = tempfile::tempdir()?;
    let base = std::env::args_os().nth(1).map_or(folder.path().join("perf"), Into::into);
    let peer = folder.path().join("peer.json");
    let (chrome, guard) = tracing_chrome::ChromeLayerBuilder::new().file(&peer).build();
    tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(profiler_tracing::layer()).with(chrome),
    )?;
    profiler_runtime::start_profile_with(ProfilerConfig::torch(base))?;
    program()?;
    let export = profiler_runtime::stop_profile()?;
    export.wait()?;
    drop(guard);
    let seen = spans_of_peer(&peer)?;
    let (ranges, lives) = ranges(&export.folder().ok_or("the session has a folder")?.join("trace_rank0.json"))?;
    println!("{:<40} {:>8} {:>8} {:>6}", "span", "chrome", "ours", "lives");
    let mut wrong = Vec::new();
    for (name, count) in &seen {
        let ours = ranges.get(name).copied().unwrap_or_default();
        println!("{name:<40} {count:>8} {ours:>8} {:>6}", lives.get(name).copied().unwrap_or_default());
        wrong.extend((ours != *count).then(|| name.clone()));
    }
    if seen.is_empty() || !wrong.is_empty() {
        Err(format!("of {} spans these differ: {wrong:?}", seen.len()).into())
    } else {
        Ok(())
    }
}

type Counts = BTreeMap<String, u64>;

/// Returns the number of enters of each span that tracing-chrome saw.
fn spans_of_peer(file: &Path) -> Result<Counts, Box<dyn Error + Send + Sync>> {
    let events: Value = serde_json::from_reader(File::open(file)?)?;
    let begins = events.as_array().into_iter().flatten().filter(|event| event["ph"] == "B");
    Ok(count(begins.filter_map(|event| event["name"].as_str())))
}

/// Returns the numbers of ranges and of lives by name.
fn ranges(file: &Path) -> Result<(Counts, Counts), Box<dyn Error + Send + Sync>> {
    let trace: Value = serde_json::from_slice(&fs::read(file)?)?;
    let slices = trace["traceEvents"].as_array().into_iter().flatten().filter(|event| event["ph"] == "X");
    let (lives, ranges): (Vec<&Value>, Vec<&Value>) = slices.partition(|slice| !slice["args"]["polls"].is_null());
    Ok((
        count(ranges.iter().filter_map(|slice| slice["name"].as_str())),
        count(lives.iter().filter_map(|slice| slice["name"].as_str())),
    ))
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> Counts {
    names.fold(Counts::new(), |mut counts, name| {
        *counts.entry(name.to_owned()).or_default() += 1;
        counts
    })
}
