//! The file around the events of a merged trace: the ranks, their offsets, and each rank's own
//! metadata.

use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::export::format::json::Line;
use crate::export::trace::chrome::container;

use super::align::RankOffset;
use super::input::Input;
use super::metadata::Metadata;

/// Returns `baseTimeNanoseconds` of the merged trace: the ranks' earliest, so that no time is
/// negative. A rank on the other side of the end of a week counts from an earlier base than its
/// own.
pub(super) fn base(ranks: &[&Metadata], offsets: &[RankOffset]) -> u64 {
    let bases = ranks.iter().zip(offsets).map(|(rank, offset)| rank.base.saturating_add_signed(offset.offset_ns));
    bases.min().unwrap_or(0)
}

/// Returns the nanoseconds to add to the times of a rank.
pub(super) fn shift(rank: &Metadata, offset: &RankOffset, base: u64) -> u64 {
    rank.base.saturating_add_signed(offset.offset_ns) - base
}

#[derive(Serialize)]
struct Opening<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "deviceProperties")]
    device_properties: [Value; 0],
    #[serde(rename = "distributedInfo")]
    distributed: Distributed,
    #[serde(rename = "displayTimeUnit")]
    display_time_unit: &'static str,
    #[serde(rename = "baseTimeNanoseconds")]
    base: u64,
    merged: MergedReport<'a>,
}

/// Description of the job. It precedes the ranks' own metadata because readers that search the text
/// for `"rank": n` take the first match.
#[derive(Serialize)]
struct Distributed {
    backend: &'static str,
    rank: u32,
    world_size: u32,
}

#[derive(Serialize)]
struct MergedReport<'a> {
    version: &'static str,
    session: &'a str,
    notes: &'a [String],
    ranks: Vec<Line<RankReport<'a>>>,
}

#[derive(Clone, Serialize)]
struct RankReport<'a> {
    rank: u32,
    host: &'a str,
    file: String,
    aligned_by: &'static str,
    offset_ns: i64,
    uncertainty_ns: Option<u64>,
    head: &'a Value,
}

/// Returns everything up to the bracket of `traceEvents`.
pub(super) fn opening(ranks: &[Input], offsets: &[RankOffset], base: u64, notes: &[String]) -> io::Result<Vec<u8>> {
    let first = ranks.first().map(|input| &input.metadata);
    let opening = Opening {
        schema_version: 1,
        device_properties: [],
        distributed: Distributed {
            backend: "none",
            rank: first.map_or(0, |metadata| metadata.distributed.rank),
            world_size: ranks.iter().map(|input| input.metadata.distributed.world_size).max().unwrap_or(1),
        },
        display_time_unit: "ms",
        base,
        merged: MergedReport {
            version: env!("CARGO_PKG_VERSION"),
            session: first.map_or("", |metadata| &metadata.profiler.session),
            notes,
            ranks: ranks.iter().zip(offsets).map(|(input, offset)| Line(report(input, offset))).collect(),
        },
    };
    let mut text = Vec::new();
    container::open(&mut text, &opening)?;
    Ok(text)
}

fn report<'a>(input: &'a Input, offset: &RankOffset) -> RankReport<'a> {
    RankReport {
        rank: input.metadata.distributed.rank,
        host: &input.metadata.host_name,
        file: input.events.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        aligned_by: offset.alignment.as_str(),
        offset_ns: offset.offset_ns,
        uncertainty_ns: offset.uncertainty_ns,
        head: &input.metadata.all,
    }
}
