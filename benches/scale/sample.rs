//! Measurement of one recording in this process: recorded on one thread, stopped and exported, with
//! the cost of each part.

use crate::form::Form;
use cpu_time::{ProcessTime, ThreadTime};
use profiler_benches::workload::work;
use profiler_benches::{Result, kernel_time, memory};
use profiler_runtime::artifacts::{ArtifactKind, Manifest};
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, start_profile_with, stop_profile};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

/// Number of ranges from which the recording goes to a file instead of memory.
const SPOOLED: u64 = 10_000_000;
/// Number of ranges per call of [`stage`].
const PER_STAGE: u64 = 10;

/// Measurements of a child; times in nanoseconds, sizes in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) form: Form,
    pub(crate) ranges: u64,
    /// CPU time of the recording thread.
    pub(crate) record_ns: u64,
    /// Wall time of `stop_profile`.
    pub(crate) stop_ns: u64,
    /// CPU time of the process during `stop_profile`.
    pub(crate) stop_cpu_ns: u64,
    /// CPU time of all threads from then until all artifacts are on disk.
    pub(crate) export_ns: u64,
    /// Kernel's part of it.
    pub(crate) export_kernel_ns: u64,
    pub(crate) export_wall_ns: u64,
    /// Size of the trace on disk.
    pub(crate) trace_bytes: u64,
    /// Peak memory of the process.
    pub(crate) peak_bytes: u64,
    /// Increase of memory during the export.
    pub(crate) added_bytes: u64,
    /// Memory budget of the recording; `None` if it is in a file.
    pub(crate) budget_bytes: Option<u64>,
}

impl Sample {
    /// Returns the minimum of each figure.
    pub(crate) fn min(self, other: &Self) -> Self {
        Self {
            record_ns: self.record_ns.min(other.record_ns),
            stop_ns: self.stop_ns.min(other.stop_ns),
            stop_cpu_ns: self.stop_cpu_ns.min(other.stop_cpu_ns),
            export_ns: self.export_ns.min(other.export_ns),
            export_kernel_ns: self.export_kernel_ns.min(other.export_kernel_ns),
            export_wall_ns: self.export_wall_ns.min(other.export_wall_ns),
            peak_bytes: self.peak_bytes.min(other.peak_bytes),
            added_bytes: self.added_bytes.min(other.added_bytes),
            ..self
        }
    }

    /// Returns a total per range.
    pub(crate) fn per_range(&self, total: u64) -> f64 {
        total as f64 / self.ranges as f64
    }
}

/// Records a number of ranges and exports them.
///
/// # Errors
/// Returns an error if the session fails or loses a range.
pub(crate) fn take(form: Form, ranges: u64) -> Result<Sample> {
    // In the build folder, because `/tmp` may be in memory.
    let program = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(program.parent().ok_or("this program has no folder")?)?;
    let spooled = ranges >= SPOOLED;
    let config = ProfilerConfig::torch(folder.path())
        .torch_profiler_use_gzip(form.is_compressed())
        .trace_format(form.format())
        .spool(spooled);
    let budget = config.max_buffer_mb << 20;
    start_profile_with(config)?;
    let recorded = thread::spawn(move || record(ranges)).join().map_err(|_| "the recording thread panicked")?;
    let recording_peak = memory::peak();
    memory::reset_peak();
    let before = memory::resident();
    let (clock, cpu) = (Instant::now(), ProcessTime::now());
    let stopped = stop_profile()?;
    let (stop, stop_cpu) = (clock.elapsed(), cpu.elapsed());
    let kernel = kernel_time::process();
    let (clock, cpu) = (Instant::now(), ProcessTime::now());
    let manifest = stopped.wait()?;
    let (wall, export) = (clock.elapsed(), cpu.elapsed());
    let kernel = kernel_time::process().saturating_sub(kernel);
    let peak = memory::peak();
    Ok(Sample {
        form,
        ranges,
        record_ns: nanos(recorded)?,
        stop_ns: nanos(stop)?,
        stop_cpu_ns: nanos(stop_cpu)?,
        export_ns: nanos(export)?,
        export_kernel_ns: nanos(kernel)?,
        export_wall_ns: nanos(wall)?,
        trace_bytes: trace_size(&manifest)?,
        peak_bytes: peak.max(recording_peak),
        added_bytes: peak.saturating_sub(before),
        budget_bytes: (!spooled).then_some(budget),
    })
}

/// Returns the size of the trace, after checking that it is complete.
fn trace_size(manifest: &Manifest) -> Result<u64> {
    if manifest.ranges_lost > 0 || !manifest.errors.is_empty() {
        return Err(format!("{} ranges are lost: {}", manifest.ranges_lost, manifest.errors.join("; ")).into());
    }
    Ok(manifest.artifact(ArtifactKind::Trace).ok_or("no trace was written")?.bytes)
}

fn nanos(time: Duration) -> Result<u64> {
    Ok(u64::try_from(time.as_nanos())?)
}

/// Records a number of ranges, and returns the CPU time.
fn record(ranges: u64) -> Duration {
    let cpu = ThreadTime::now();
    for x in 0..ranges / PER_STAGE {
        black_box(stage(black_box(x)));
    }
    cpu.elapsed()
}

#[profiled_stage("stage")]
#[inline(never)]
fn stage(x: u64) -> u64 {
    (1..PER_STAGE).fold(x, |x, _| op(x))
}

#[profiled_op("op")]
#[inline(never)]
fn op(x: u64) -> u64 {
    work(x)
}
