//! `manifest_rank*.json`: the manifest, together with the session's metadata for readers of the
//! folder.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::export::exporter::OneFile;
use crate::export::format::json::{Line, SCHEMA_VERSION, record, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::kind::ArtifactKind;
use crate::export::report_parts::clock::ClockReport;
use crate::export::report_parts::gpu::GpuReport;
use crate::export::report_parts::losses::LossReport;
use crate::model::{Content, Trace};

use super::Manifest;

/// Exporter of the manifest.
pub(in crate::export) const FILE: OneFile =
    OneFile::always(ArtifactKind::Manifest, Content::Reports, Ok(|trace, manifest, out| write(manifest, trace, out)));

/// Serialises pairs as the members of an object.
struct Members<'a>(&'a [(&'static str, Value)]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn write(manifest: &Manifest, trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let context = &trace.context;
    let file = record! {
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
        clock: Line(ClockReport::new(trace)),
        duration_ns: trace.end - trace.begin,
        ended_by: context.ended_by.as_str(),
        recorded_iterations: context.recorded_iterations,
        ranges: trace.ranges,
        artifacts: manifest.artifacts.iter().map(Line).collect::<Vec<_>>(),
        missing: manifest.missing.iter().map(Line).collect::<Vec<_>>(),
        losses: LossReport::host(trace),
        gpu: GpuReport::new(trace),
        warnings: &manifest.warnings,
        notes: &manifest.notes,
        errors: &manifest.errors,
        config: Members(&context.options.configuration),
    };
    write_indented(out, &file)
}
