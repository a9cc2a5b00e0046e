//! `manifest_rank*.json`: the manifest with what else a reader of the folder wants to know of the session.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::export::exporter::{ArtifactKind, JSON, OneFile};
use crate::export::format::json::{Line, SCHEMA_VERSION, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::report_parts::clock::ClockReport;
use crate::export::report_parts::gpu::GpuReport;
use crate::export::report_parts::losses::LossReport;
use crate::model::{Content, Trace};

use super::{Artifact, Manifest, Missing};

/// The exporter of the manifest.
pub(in crate::export) const FILE: OneFile = OneFile::always(
    ArtifactKind::new("manifest", "manifest_rank{R}.json", JSON),
    Content::Reports,
    Ok(|trace, manifest, out| write(manifest, trace, out)),
);

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
fn write(manifest: &Manifest, trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
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
