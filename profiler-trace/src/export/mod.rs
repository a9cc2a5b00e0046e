//! Artifacts: writes each file of a session from its trace.
//!
//! ```text
//!                           ┌ trace    every range: Chrome, Perfetto; the merge of ranks ─ traces (their names)
//!                           │ ops      operator tables
//! Trace ─► exporters ─► Plan┤ stacks   folded, flame graph                 ─► output (atomic files) ─► manifest
//!                           │ memory   snapshot, chart                        progress, panic
//!                           └ reports  timing, summary, perf dump, log lines
//!
//! shared by artifacts: report_parts, events      formats of values: format      threads: workers
//! ```
//!
//! The runtime calls [`write_session`] on a background thread and reports the returned remarks to
//! the user. Each of these modules lists its exporters (`exporter`): a new artifact is a file in
//! its module and a row in that list. Only `output` does file I/O. A failed artifact does not
//! affect the others; the manifest says why it is missing.
//!
//! `unsafe` is confined to two files with system calls that the standard library lacks: `outlet`,
//! so that a failed write sends the host no signal, and `terminal`, for the terminal's width.

mod events;
mod exporter;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod features_tests;
mod format;
mod kind;
mod manifest;
mod memory;
mod ops;
mod output;
mod panic;
mod progress;
mod remark;
mod report_parts;
mod reports;
mod stacks;
#[cfg(all(test, feature = "xlsx"))]
#[allow(clippy::unwrap_used)]
mod tests;
mod trace;
mod traces;
mod workers;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::model::{ExportOptions, Trace};

pub use format::utc::iso8601;
pub use kind::ArtifactKind;
pub use manifest::by_reason;
pub use manifest::{Artifact, Manifest, MissingArtifact};
pub use ops::averages::{KeyAverages, SortBy};
pub use output::mount::shortcomings;
pub use output::outlet;
pub use output::sink::remove_unfinished;
pub use panic::panic_text;
pub use progress::ExportProgress;
pub use progress::Gauge;
pub use remark::Remark;
pub use report_parts::requests::RequestTimes;
pub use report_parts::{losses, warnings};
pub use reports::printed::Summary;
pub use trace::merge::{Alignment, MergeError, MergeOptions, MergedRank, MergedTrace, merge};

use exporter::{Exporter, Output, Plan, PlannedFile};
use format::json::{self, record};
use manifest::{name_in, replaced};
use output::second_name;
use output::sink::{self, Written};
use output::target::{self, Target};
use reports::digest::Digest;
use traces::Traces;

/// Exporters of each module, in the order in which they write: the summary lists the missing files
/// of the others, and the manifest the results of all.
const EXPORTERS: &[&[&dyn Exporter]] =
    &[&[&Traces], ops::EXPORTERS, stacks::EXPORTERS, memory::EXPORTERS, reports::EXPORTERS, &[&manifest::file::FILE]];

fn exporters() -> impl Iterator<Item = &'static dyn Exporter> {
    EXPORTERS.iter().copied().flatten().copied()
}

/// Returns all kinds of artifacts, in the order in which they are written.
pub fn artifact_kinds() -> impl Iterator<Item = ArtifactKind> {
    exporters().flat_map(Exporter::artifacts).copied()
}

/// Returns the content type of an artifact from its kind and its file name.
pub fn content_type(kind: ArtifactKind, name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("gz") => "application/gzip",
        // A session's only trace has the kind `trace` in either format.
        Some("pftrace") => ArtifactKind::TracePerfetto.content_type(),
        _ => kind.content_type(),
    }
}

/// Returns an error message for each configured path that is already known to be unwritable before
/// the session.
pub fn obstacles(options: &ExportOptions, rank: u32) -> Vec<String> {
    let refused = |(field, path): (&str, PathBuf)| {
        let error = Target::resolve(&path).err()?;
        Some(format!("{field}: cannot write `{}`: {error}", path.display()))
    };
    exporters().filter_map(|exporter| exporter.user_path(options, rank)).filter_map(refused).collect()
}

/// Writes the requested artifacts, the manifest last. Returns the manifest, and remarks for the
/// user. `folder` is the session's; it is empty if the session has none, and then only the
/// performance report is written, to its own path.
///
/// Never fails as a whole: files that could not be written are listed in the manifest and mentioned
/// in the remarks.
pub fn write_session(trace: &mut Trace, folder: &Path, gauge: &Gauge) -> (Manifest, Vec<Remark>) {
    let mut plan = Plan { trace, folder, outputs: Vec::new(), missing: Vec::new() };
    exporters().for_each(|exporter| exporter.plan(&mut plan));
    let Plan { outputs, missing, .. } = plan;
    let (mut manifest, mut remarks) = (manifest_of(trace, missing), Vec::new());
    gauge.begin(trace, outputs.len());
    for output in outputs {
        match output {
            Output::File(file) => {
                gauge.file(name_in(&file.path, folder));
                remarks.extend(write_file(file, trace, folder, &mut manifest));
            }
            Output::Other(name, make) => {
                gauge.file(name.to_owned());
                let result = panic::caught(|| make(trace, &mut manifest));
                remarks.extend(result.unwrap_or_else(|error| {
                    vec![manifest.failed(name.to_owned(), &error, format!("cannot export to {name}: {error}"))]
                }));
            }
        }
        gauge.file_done();
    }
    (manifest, remarks)
}

fn write_file(file: PlannedFile, trace: &Trace, folder: &Path, manifest: &mut Manifest) -> Vec<Remark> {
    let PlannedFile { kind, path, second, write } = file;
    let is_replaced = !path.starts_with(folder) && target::is_replaced(&path);
    let gzip = path.extension().is_some_and(|extension| extension == "gz");
    let written = panic::caught(|| sink::write_file(&path, gzip, |out| write(trace, manifest, out)));
    let name = name_in(&path, folder);
    let artifact = match written {
        Ok(Written { bytes, crc32 }) => Artifact { kind, name, second_name: None, path, bytes, crc32 },
        Err(error) => {
            let place = path.display();
            let message =
                format!("cannot write `{place}`: {error}; check that its folder is writable and has free space");
            return vec![manifest.failed(name, &error, message)];
        }
    };
    let mut remarks =
        if is_replaced { replaced::update_manifests(&artifact.path, folder, &manifest.session) } else { Vec::new() };
    let second_name = second.and_then(|second| {
        let name = name_in(&second, folder);
        let Err(error) = second_name::add(&artifact.path, &second) else { return Some(name) };
        manifest.missing.push(MissingArtifact::new(name, error.to_string()));
        remarks.push(Remark::Warning(format!(
            "cannot give the trace its second name `{}`: {error}; copy the trace there for tools that want a folder",
            second.display()
        )));
        None
    });
    manifest.artifacts.push(Artifact { second_name, ..artifact });
    remarks
}

/// Returns the manifest of a session before its artifacts are written.
fn manifest_of(trace: &Trace, missing: Vec<MissingArtifact>) -> Manifest {
    let context = &trace.context;
    Manifest {
        session: context.session.clone(),
        rank: context.rank,
        missing,
        warnings: warnings::all(trace),
        notes: warnings::notes(trace),
        errors: Vec::new(),
        ranges_lost: trace.ranges_lost(),
        requests: RequestTimes::new(&trace.requests),
        artifacts: Vec::new(),
        pipeline_lines: Vec::new(),
        ops: Arc::clone(&trace.ops),
        options: context.options.clone(),
        digest: Digest::new(trace),
    }
}

/// Writes atomically a JSON report that is not an artifact of a recording. `schema` names the file
/// in `schemas/` that describes it.
///
/// # Errors
///
/// Returns an error if the report cannot be written; an earlier file of that name is kept.
pub fn write_report(path: &Path, schema: &'static str, report: &impl Serialize) -> io::Result<()> {
    let report = record! {
        schema: schema,
        schema_version: json::SCHEMA_VERSION,
        profiler_version: env!("CARGO_PKG_VERSION"),
        ..report: report,
    };
    sink::write_file(path, false, |out| json::write_indented(out, &report)).map(drop)
}
