//! Metadata of the recording: the keys before the events of a Chrome trace, which are arguments of
//! the recording's slice in Perfetto's format.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::export::format::json::Line;
use crate::export::format::utc::iso8601;
use crate::export::report_parts::clock::ClockReport;
use crate::export::report_parts::gpu::GpuReport;
use crate::export::report_parts::losses::LossReport;
use crate::export::report_parts::warnings;
use crate::model::{Context, Trace};
use crate::records::gpu::Device;

/// `ts` counts from the start of a week. Kineto counts from the start of a quarter: read as a
/// double, such a number of microseconds is off by up to a nanosecond, and slices that touch or end
/// together then cross. The microseconds of a week, and sums of two of them, fit a double to the
/// nanosecond.
const WEEK_NS: u64 = 7 * 86_400 * 1_000_000_000;

/// Returns `baseTimeNanoseconds` of a trace that begins at `unix_ns`.
pub(super) const fn base_of(unix_ns: u64) -> u64 {
    unix_ns - unix_ns % WEEK_NS
}

/// Metadata before `traceEvents`: first Kineto's keys in its order and spelling, then our own.
///
/// `distributedInfo` precedes everything that could contain `"rank": n`, because HTA takes the
/// first match in the text.
pub(super) struct Metadata<'a> {
    pub(super) trace: &'a Trace,
    /// `baseTimeNanoseconds` of the trace.
    pub(super) base: u64,
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { trace, base } = *self;
        let (context, options) = (&trace.context, &trace.context.options);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schemaVersion", &1)?;
        map.serialize_entry("deviceProperties", &device_properties(trace))?;
        if let Ok(gpu) = &trace.gpu {
            if let Some((key, version)) = gpu.library_version() {
                map.serialize_entry(&key, &version)?;
            }
            map.serialize_entry("cuda_driver_version", &gpu.driver_version)?;
        }
        map.serialize_entry("trace_id", &trace_id(&context.session, context.rank))?;
        for (key, is_on) in [
            ("with_stack", options.torch_profiler_with_stack),
            ("profile_memory", trace.memory.is_some()),
            ("record_shapes", options.torch_profiler_record_shapes),
            ("with_flops", options.torch_profiler_with_flops),
        ] {
            if is_on {
                map.serialize_entry(key, &1)?;
            }
        }
        map.serialize_entry("distributedInfo", &Distributed::new(context))?;
        map.serialize_entry("host_name", &context.host)?;
        map.serialize_entry("displayTimeUnit", "ms")?;
        map.serialize_entry("baseTimeNanoseconds", &base)?;
        map.serialize_entry("profiler", &Profiler::new(trace))?;
        map.end()
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
    fn new(context: &Context) -> Self {
        let Context { rank, world_size, .. } = *context;
        Self { backend: "none", rank, world_size, pg_count: 0, pg_config: [] }
    }
}

/// Metadata without a key of Kineto's.
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
    fn new(trace: &'a Trace) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            session: &trace.context.session,
            begin: iso8601(trace.begin),
            begin_unix_ns: trace.begin,
            end_unix_ns: trace.end,
            clock_uncertainty_ns: trace.clock_uncertainty_ns,
            clock: Line(ClockReport::new(trace)),
            ended_by: trace.context.ended_by.as_str(),
            ranges: trace.ranges,
            losses: LossReport::host(trace),
            gpu: GpuReport::new(trace),
            warnings: warnings::all(trace),
        }
    }
}

/// A device and its number, serialised with Kineto's keys. TensorBoard computes efficiency from
/// them.
#[derive(Clone, Debug)]
struct DeviceProperties<'a>(usize, &'a Device);

/// Returns `deviceProperties`: all devices of the machine; empty if the GPU was not recorded.
fn device_properties(trace: &Trace) -> Vec<Line<DeviceProperties<'_>>> {
    let devices = trace.gpu.as_ref().map_or(&[][..], |gpu| &gpu.devices);
    devices.iter().enumerate().map(|(id, device)| Line(DeviceProperties(id, device))).collect()
}

impl Serialize for DeviceProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(id, device) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("name", &device.name)?;
        map.serialize_entry("totalGlobalMem", &device.memory)?;
        for (key, number) in [
            ("computeMajor", device.major),
            ("computeMinor", device.minor),
            ("maxThreadsPerBlock", device.threads_per_block),
            ("maxThreadsPerMultiprocessor", device.threads_per_sm),
            ("regsPerBlock", device.registers_per_block),
            ("warpSize", device.warp),
            ("sharedMemPerBlock", device.shared_per_block),
            ("numSms", device.multiprocessors),
            ("regsPerMultiprocessor", device.registers_per_sm),
            ("sharedMemPerBlockOptin", device.shared_per_block_optin),
            ("sharedMemPerMultiprocessor", device.shared_per_sm),
        ] {
            map.serialize_entry(key, &number)?;
        }
        map.end()
    }
}

/// Returns a trace id of 32 hexadecimal digits, determined by session and rank.
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
