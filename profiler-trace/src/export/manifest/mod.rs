//! The manifest: what a session wrote, what it did not write and why. It is written last, so a folder with a manifest is
//! complete.

pub(super) mod replaced;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::export::format::json::{Line, SCHEMA_VERSION, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::output::sink::Written;
use crate::export::report_parts::clock::ClockReport;
use crate::export::report_parts::gpu::GpuReport;
use crate::export::report_parts::losses::LossReport;
use crate::export::report_parts::requests::RequestTimes;
use crate::export::report_parts::warnings;
use crate::export::reports::printed::Times;
use crate::model::{ExportOptions, OpTable, Trace};

/// A file that a session has written, complete and on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Artifact {
    /// What it is: `trace` (of two the JSON), `trace_perfetto` (the other), `ops`, `table`, `stacks_cpu`, `stacks_cuda`,
    /// `flame_cpu`, `flame_cuda`, `memory_snapshot`, `memory_chart`, `timing`, `summary`, `perf_dump` or `manifest`.
    pub kind: &'static str,
    /// Its file name; the path if it lies outside the session's folder.
    pub name: String,
    /// Second name of the same file in the session's folder: a trace is `traces/rank0.pt.trace.json[.gz]` too, for tools
    /// that are pointed at a folder of traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_name: Option<String>,
    /// Where it is.
    #[serde(skip)]
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// CRC-32 of the file, as in gzip and zip. In the manifest eight hexadecimal digits.
    #[serde(serialize_with = "as_hex")]
    pub crc32: u32,
}

/// A file that the configuration asked for and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Missing {
    /// Its file name.
    pub name: String,
    /// Why it is not there.
    pub reason: String,
}

/// The artifacts of a session, as `manifest_rank{R}.json` lists them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Manifest {
    /// The session's id, shared by all ranks of the job.
    pub session: String,
    /// Of this process.
    pub rank: u32,
    /// What the configuration asked for and is not there, with the reasons.
    pub missing: Vec<Missing>,
    /// What the user should know about the recording, in full sentences.
    pub warnings: Vec<String>,
    /// Sentences about what the session did as it was asked to, such as what a schedule or a selection leaves out.
    pub notes: Vec<String>,
    /// What went wrong while the artifacts were written.
    pub errors: Vec<String>,
    /// Recorded ranges that are in no artifact, for want of room.
    pub ranges_lost: u64,
    /// All requests that were served.
    #[doc(hidden)]
    pub requests: RequestTimes,
    pub(in crate::export) artifacts: Vec<Artifact>,
    pub(in crate::export) pipeline_lines: Vec<String>,
    /// For [`key_averages`](Self::key_averages).
    pub(in crate::export) ops: Arc<OpTable>,
    pub(in crate::export) options: ExportOptions,
    /// For [`summary`](Self::summary).
    pub(in crate::export) times: Times,
}

impl Manifest {
    pub(in crate::export) fn new(trace: &Trace) -> Self {
        let context = &trace.context;
        Self {
            session: context.session.clone(),
            rank: context.rank,
            missing: Vec::new(),
            warnings: warnings::all(trace),
            notes: warnings::notes(trace),
            errors: Vec::new(),
            ranges_lost: trace.losses.missing(),
            requests: RequestTimes::of(&trace.requests),
            artifacts: Vec::new(),
            pipeline_lines: Vec::new(),
            ops: Arc::clone(&trace.ops),
            options: context.options.clone(),
            times: Times::of(trace),
        }
    }

    /// Every file that was written, in the order in which they were; the last is the manifest itself.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// The artifact of this kind, if it was written; see [`Artifact::kind`].
    #[must_use]
    pub fn artifact(&self, kind: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.kind == kind)
    }

    /// What the pipeline profiler logged: `[DiffusionTiming] pipeline.vae.decode took 0.123456s`. Empty unless it is on.
    #[must_use]
    pub fn pipeline_lines(&self) -> &[String] {
        &self.pipeline_lines
    }
}

impl Artifact {
    pub(in crate::export) fn new(kind: &'static str, path: &Path, folder: &Path, written: Written) -> Self {
        let Written { bytes, crc32 } = written;
        Self { kind, name: name_in(path, folder), second_name: None, path: path.to_owned(), bytes, crc32 }
    }
}

impl Missing {
    pub(in crate::export) fn new(name: String, reason: impl Into<String>) -> Self {
        Self { name, reason: reason.into() }
    }
}

/// Returns a sentence for each reason why files are missing: those that share one are named together.
pub fn by_reason(files: &[Missing]) -> impl Iterator<Item = String> + '_ {
    files.chunk_by(|one, next| one.reason == next.reason).map(|files| {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.name)).collect();
        format!("{}: {}", names.join(", "), files[0].reason)
    })
}

/// What a file is called in the manifest of `folder`.
pub(in crate::export) fn name_in(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

fn as_hex<S: Serializer>(crc32: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{crc32:08x}"))
}

fn as_object<S: Serializer>(members: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
}

/// The file's contents.
#[derive(Serialize)]
struct File<'a> {
    schema: &'static str,
    schema_version: &'static str,
    profiler_version: &'static str,
    session: &'a str,
    rank: u32,
    local_rank: u32,
    world_size: u32,
    host: &'a str,
    pid: u32,
    process: &'a str,
    begin: String,
    end: String,
    begin_unix_ns: u64,
    end_unix_ns: u64,
    clock_uncertainty_ns: u64,
    clock: Line<ClockReport>,
    duration_ns: u64,
    ended_by: &'static str,
    recorded_iterations: u64,
    ranges: u64,
    artifacts: Vec<Line<&'a Artifact>>,
    missing: Vec<Line<&'a Missing>>,
    losses: LossReport<'a>,
    gpu: GpuReport<'a>,
    warnings: &'a [String],
    notes: &'a [String],
    errors: &'a [String],
    #[serde(serialize_with = "as_object")]
    config: &'a [(&'static str, Value)],
}

/// Writes `manifest_rank*.json`.
pub(in crate::export) fn write(manifest: &Manifest, trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let context = &trace.context;
    let file = File {
        schema: "manifest",
        schema_version: SCHEMA_VERSION,
        profiler_version: env!("CARGO_PKG_VERSION"),
        session: &manifest.session,
        rank: manifest.rank,
        local_rank: context.local_rank,
        world_size: context.world_size,
        host: &context.host,
        pid: context.pid,
        process: &context.process_name,
        begin: iso8601(trace.begin),
        end: iso8601(trace.end),
        begin_unix_ns: trace.begin,
        end_unix_ns: trace.end,
        clock_uncertainty_ns: trace.clock_uncertainty_ns,
        clock: Line(ClockReport::of(trace)),
        duration_ns: trace.end - trace.begin,
        ended_by: context.ended_by.as_str(),
        recorded_iterations: context.recorded_iterations,
        ranges: trace.ranges,
        artifacts: manifest.artifacts.iter().map(Line).collect(),
        missing: manifest.missing.iter().map(Line).collect(),
        losses: LossReport::new(&trace.losses),
        gpu: GpuReport::of(trace),
        warnings: &manifest.warnings,
        notes: &manifest.notes,
        errors: &manifest.errors,
        config: &context.options.configuration,
    };
    write_indented(out, &file)
}
