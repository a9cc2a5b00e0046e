//! The recording's own facts: the keys before the events of a Chrome trace, arguments of the
//! recording in Perfetto's.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::export::format::json::Line;
use crate::export::format::utc::iso8601;
use crate::export::report_parts::clock::ClockReport;
use crate::export::report_parts::gpu::GpuReport;
use crate::export::report_parts::losses::LossReport;
use crate::export::report_parts::warnings;
use crate::model::{Context, Trace};

use super::devices;

/// `ts` counts from the start of a week. Kineto counts from the start of a quarter of a year; read
/// as a double, such a number of microseconds is off by up to a nanosecond, and slices that touch
/// or end together cross. A week's microseconds survive a double to the nanosecond, sums of two
/// included.
const WEEK_NS: u64 = 7 * 86_400 * 1_000_000_000;

/// Returns `baseTimeNanoseconds` of a trace that begins at `unix_ns`.
pub(super) const fn base_of(unix_ns: u64) -> u64 {
    unix_ns - unix_ns % WEEK_NS
}

/// Facts, as a Chrome trace has them before `traceEvents`: in Kineto's order and spelling; after
/// them our own.
///
/// `distributedInfo` comes before anything that could hold `"rank": n`: HTA takes the first it
/// finds in the text.
pub(super) struct Head<'a> {
    pub(super) trace: &'a Trace,
    /// The trace's `baseTimeNanoseconds`.
    pub(super) base: u64,
}

impl Serialize for Head<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { trace, base } = *self;
        let (context, options) = (&trace.context, &trace.context.options);
        let mut head = serializer.serialize_map(None)?;
        head.serialize_entry("schemaVersion", &1)?;
        head.serialize_entry("deviceProperties", &devices::properties(trace))?;
        if let Ok(gpu) = &trace.gpu {
            if let Some((key, version)) = gpu.library_version() {
                head.serialize_entry(&key, &version)?;
            }
            head.serialize_entry("cuda_driver_version", &gpu.driver_version)?;
        }
        head.serialize_entry("trace_id", &trace_id(&context.session, context.rank))?;
        for (key, is_on) in [
            ("with_stack", options.torch_profiler_with_stack),
            ("profile_memory", trace.memory.is_some()),
            ("record_shapes", options.torch_profiler_record_shapes),
            ("with_flops", options.torch_profiler_with_flops),
        ] {
            if is_on {
                head.serialize_entry(key, &1)?;
            }
        }
        head.serialize_entry("distributedInfo", &Distributed::of(context))?;
        head.serialize_entry("host_name", &context.host)?;
        head.serialize_entry("displayTimeUnit", "ms")?;
        head.serialize_entry("baseTimeNanoseconds", &base)?;
        head.serialize_entry("profiler", &Profiler::of(trace))?;
        head.end()
    }
}

#[derive(serde::Serialize)]
struct Distributed {
    backend: &'static str,
    rank: u32,
    world_size: u32,
    pg_count: u32,
    pg_config: [(); 0],
}

impl Distributed {
    fn of(context: &Context) -> Self {
        let Context { rank, world_size, .. } = *context;
        Self { backend: "none", rank, world_size, pg_count: 0, pg_config: [] }
    }
}

/// The facts that Kineto has no key for.
#[derive(serde::Serialize)]
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

impl<'a> Profiler<'a> {
    fn of(trace: &'a Trace) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            session: &trace.context.session,
            begin: iso8601(trace.begin),
            begin_unix_ns: trace.begin,
            end_unix_ns: trace.end,
            clock_uncertainty_ns: trace.clock_uncertainty_ns,
            clock: Line(ClockReport::of(trace)),
            ended_by: trace.context.ended_by.as_str(),
            ranges: trace.ranges,
            losses: LossReport::on_host(trace),
            gpu: GpuReport::of(trace),
            warnings: warnings::all(trace),
        }
    }
}

/// Returns 32 hexadecimal digits, the same for the same session and rank.
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
