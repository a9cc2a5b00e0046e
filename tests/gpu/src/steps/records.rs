//! Unchanged records of CUPTI, from which fixtures of the decoder are made.

use std::fs::{self, File};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bench::{Bench, succeeded};
use crate::findings::{Findings, Outcome};
use crate::fixture::Recording;

/// File of the records, in `OUT`.
pub(crate) const FILE: &str = "records.txt.gz";
/// Number of records of each kind that are kept.
const EACH: u64 = 20_000;
/// Maximum size of the file.
const MAX_BYTES: u64 = 15 << 20;

pub(super) fn run(bench: &Bench) -> Outcome {
    let plain = bench.place("everything.records");
    let mut part = bench.part("everything", &bench.place("everything"));
    succeeded(part.env("PROFILER_CUPTI_RECORDS", &plain).env("PROFILER_CUPTI_RECORDS_EACH", EACH.to_string()))?;
    let text = fs::read(&plain).map_err(|error| format!("CUPTI kept no records: {error}"))?;
    let packed = bench.out.join(FILE);
    let write = || {
        let mut file = GzEncoder::new(File::create(&packed)?, Compression::best());
        file.write_all(&text)?;
        file.finish()?.metadata()
    };
    let bytes = write().map_err(|error| format!("`{}` is not written: {error}", packed.display()))?.len();
    let recording = Recording::read(&plain)?;
    let mut found = Findings::default();
    found.note("CUPTI's version", recording.version, "");
    found.note("records kept", recording.records.len(), "");
    found.demand("size of the file", bytes, "B", (format!("<= {MAX_BYTES} B"), bytes <= MAX_BYTES));
    for (kind, count) in &recording.totals {
        found.note(format!("records of kind {kind}"), *count, "");
    }
    let decoded = recording.totals.iter().map(|(_, count)| count).sum::<u64>();
    found.demand("records in all", decoded, "", ("> 0", decoded > 0));
    Ok(found)
}
