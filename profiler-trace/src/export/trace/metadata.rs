//! The recording's own facts: the keys before the events of a Chrome trace, arguments of the recording in Perfetto's.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::export::format::json::Line;
use crate::export::format::utc::iso8601;
use crate::export::report_parts::clock::ClockReport;
use crate::export::report_parts::gpu::GpuReport;
use crate::export::report_parts::losses::LossReport;
use crate::export::report_parts::warnings;
use crate::model::{Gpu, Trace};

use super::devices::{self, DeviceProperties};

/// `ts` counts from the start of a week. Kineto counts from the start of a quarter of a year; read as a double, such a
/// number of microseconds is off by up to a nanosecond, and slices that touch or end together cross. A week's microseconds
/// survive a double to the nanosecond, sums of two included.
const WEEK_NS: u64 = 7 * 86_400 * 1_000_000_000;

/// `baseTimeNanoseconds` of a trace that begins at `unix_ns`.
pub(super) const fn base_of(unix_ns: u64) -> u64 {
    unix_ns - unix_ns % WEEK_NS
}

/// Facts, as a Chrome trace has them before `traceEvents`: in Kineto's order and spelling; after them our own.
///
/// `distributedInfo` comes before anything that could hold `"rank": n`: HTA takes the first it finds in the text.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "deviceProperties")]
    device_properties: Vec<Line<DeviceProperties<'a>>>,
    #[serde(flatten)]
    source_version: Option<BTreeMap<String, u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cuda_driver_version: Option<u32>,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_stack: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_memory: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_shapes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_flops: Option<u32>,
    #[serde(rename = "distributedInfo")]
    distributed_info: Distributed,
    host_name: &'a str,
    #[serde(rename = "displayTimeUnit")]
    display_time_unit: &'static str,
    #[serde(rename = "baseTimeNanoseconds")]
    base: u64,
    profiler: Profiler<'a>,
}

#[derive(Serialize)]
struct Distributed {
    backend: &'static str,
    rank: u32,
    world_size: u32,
    pg_count: u32,
    pg_config: [Value; 0],
}

/// What Kineto has no key for.
#[derive(Serialize)]
struct Profiler<'a> {
    version: &'static str,
    session: &'a str,
    begin: String,
    begin_unix_ns: u64,
    end_unix_ns: u64,
    clock_uncertainty_ns: u64,
    clock: Line<ClockReport>,
    ended_by: &'static str,
    ranges: u64,
    losses: LossReport<'a>,
    gpu: GpuReport<'a>,
    warnings: Vec<String>,
}

/// The trace's own facts; `base` is its `baseTimeNanoseconds`.
pub(super) fn head(trace: &Trace, base: u64) -> Head<'_> {
    let context = &trace.context;
    let gpu = trace.gpu.as_ref().ok();
    let on = |flag: bool| flag.then_some(1);
    Head {
        schema_version: 1,
        device_properties: devices::properties(trace).into_iter().map(Line).collect(),
        source_version: gpu.and_then(Gpu::library_version),
        cuda_driver_version: gpu.map(|gpu| gpu.driver_version),
        trace_id: trace_id(&context.session, context.rank),
        with_stack: on(context.options.torch_profiler_with_stack),
        profile_memory: on(trace.memory.is_some()),
        record_shapes: on(context.options.torch_profiler_record_shapes),
        with_flops: on(context.options.torch_profiler_with_flops),
        distributed_info: Distributed {
            backend: "none",
            rank: context.rank,
            world_size: context.world_size,
            pg_count: 0,
            pg_config: [],
        },
        host_name: &context.host,
        display_time_unit: "ms",
        base,
        profiler: Profiler {
            version: env!("CARGO_PKG_VERSION"),
            session: &context.session,
            begin: iso8601(trace.begin),
            begin_unix_ns: trace.begin,
            end_unix_ns: trace.end,
            clock_uncertainty_ns: trace.clock_uncertainty_ns,
            clock: Line(ClockReport::of(trace)),
            ended_by: context.ended_by.as_str(),
            ranges: trace.ranges,
            losses: LossReport::new(&trace.losses),
            gpu: GpuReport::of(trace),
            warnings: warnings::all(trace),
        },
    }
}

/// 32 hexadecimal digits, the same for the same session and rank.
fn trace_id(session: &str, rank: u32) -> String {
    // FNV-1a, 128 bits.
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;
    let bytes = session.bytes().chain(rank.to_le_bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_of_a_week_survives_a_double() {
        let last = WEEK_NS - 1;
        for ns in (0..1000).map(|back| last - back) {
            let micros = ns as f64 / 1000.0;
            assert_eq!(((micros + 1.0) * 1000.0).round() as u64, ns + 1000);
        }
        assert_eq!(base_of(last), 0);
        assert_eq!(base_of(WEEK_NS + 1), WEEK_NS);
    }
}
