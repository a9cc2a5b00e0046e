//! What stands around the events of a merged trace: the ranks, their places in time, and each
//! rank's own head.

use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::export::format::json::Line;
use crate::export::trace::chrome::container;

use super::align::Placed;
use super::input::Input;
use super::metadata::Head;

/// Returns `baseTimeNanoseconds` of the merged trace: the earliest of the ranks', so that no time
/// is negative. A rank on the other side of a week's end counts from an earlier base than its own.
pub(super) fn base(heads: &[&Head], placed: &[Placed]) -> u64 {
    let bases = heads.iter().zip(placed).map(|(head, placed)| head.base.saturating_add_signed(placed.offset_ns));
    bases.min().unwrap_or(0)
}

/// Returns the nanoseconds to add to the times of a rank.
pub(super) fn shift(head: &Head, placed: &Placed, base: u64) -> u64 {
    head.base.saturating_add_signed(placed.offset_ns) - base
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

/// The job's ranks, before any rank's own: a reader that looks for `"rank": n` in the text finds
/// the first.
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
pub(super) fn opening(ranks: &[Input], placed: &[Placed], base: u64, notes: &[String]) -> io::Result<Vec<u8>> {
    let first = ranks.first().map(|input| &input.head);
    let opening = Opening {
        schema_version: 1,
        device_properties: [],
        distributed: Distributed {
            backend: "none",
            rank: first.map_or(0, |head| head.distributed.rank),
            world_size: ranks.iter().map(|input| input.head.distributed.world_size).max().unwrap_or(1),
        },
        display_time_unit: "ms",
        base,
        merged: MergedReport {
            version: env!("CARGO_PKG_VERSION"),
            session: first.map_or("", |head| &head.profiler.session),
            notes,
            ranks: ranks.iter().zip(placed).map(|(input, placed)| Line(report(input, placed))).collect(),
        },
    };
    let mut text = Vec::new();
    container::open(&mut text, &opening)?;
    Ok(text)
}

fn report<'a>(input: &'a Input, placed: &Placed) -> RankReport<'a> {
    RankReport {
        rank: input.head.distributed.rank,
        host: &input.head.host_name,
        file: input.events.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        aligned_by: placed.alignment.as_str(),
        offset_ns: placed.offset_ns,
        uncertainty_ns: placed.uncertainty_ns,
        head: &input.head.whole,
    }
}
