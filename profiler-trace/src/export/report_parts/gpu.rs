//! The GPU in reports: the source of its times, how busy it was, and what is missing. A time that
//! was not measured is absent, never 0.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::export::format::json::ms;
use crate::export::report_parts::losses::LossReport;
use crate::model::{Gpu, GpuTimes, NodeId, Source, StageTree, Trace};
use crate::records::unavailable::Unavailable;

/// The GPU in the timing report, the manifest and the trace's metadata.
#[derive(Serialize)]
pub(in crate::export) struct GpuReport<'a> {
    /// Word for the source, or `none`.
    source: &'static str,
    /// Code of the reason why there are no records, or only times of ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'static str>,
    /// Reason as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    recorded: Option<Recorded<'a>>,
    #[serde(flatten)]
    timed: Option<Timed<'a>>,
}

#[derive(Serialize)]
struct Recorded<'a> {
    #[serde(flatten)]
    version: BTreeMap<String, u32>,
    cuda_driver_version: u32,
    devices: Vec<&'a str>,
    /// Kernels, copies and fills.
    #[serde(flatten)]
    total: TimesReport,
    api_calls: usize,
    /// Work that no stage launched.
    unattributed: TimesReport,
    clock_uncertainty_ns: u64,
    losses: LossReport<'a>,
}

/// Figures of a source that only has CUDA events.
#[derive(Serialize)]
struct Timed<'a> {
    cuda_driver_version: u32,
    devices: Vec<&'a str>,
    #[serde(flatten)]
    total: TimesReport,
    resolution_ns: u64,
    clock_uncertainty_ns: u64,
    losses: LossReport<'a>,
}

/// GPU time of a stage or of the session. Fields that the source cannot measure are absent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::export) struct TimesReport {
    /// Number of kernels, copies and fills that the stage launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_ops: Option<u64>,
    /// Time in which at least one of them ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_busy_ns: Option<u64>,
    /// Number of ranges that events timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_timed_ranges: Option<u64>,
    /// Time in which at least one of them was open on its stream, whether or not the stream was
    /// busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_elapsed_ns: Option<u64>,
    /// Time from the start of the first op or range to the end of the last.
    gpu_span_ns: u64,
}

impl<'a> GpuReport<'a> {
    pub(in crate::export) fn new(trace: &'a Trace) -> Self {
        let gpu = match &trace.gpu {
            Ok(gpu) => gpu,
            Err(reason) => {
                let (reason_code, reason) = (Some(reason.code()), Some(reason.to_string()));
                return Self { source: "none", reason_code, reason, recorded: None, timed: None };
            }
        };
        match &gpu.source {
            Source::Ops(name) => Self {
                source: name.word,
                reason_code: None,
                reason: None,
                recorded: Some(Recorded::new(trace, gpu)),
                timed: None,
            },
            Source::Events { reason, resolution_ns, .. } => Self {
                source: gpu.source.name().word,
                reason_code: reason.as_ref().map(Unavailable::code),
                reason: reason.as_ref().map(ToString::to_string),
                recorded: None,
                timed: Some(Timed::new(trace, gpu, *resolution_ns)),
            },
        }
    }
}

impl<'a> Recorded<'a> {
    fn new(trace: &'a Trace, gpu: &'a Gpu) -> Self {
        Self {
            version: gpu.library_version().into_iter().collect(),
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::new(gpu, gpu.total),
            api_calls: gpu.calls.len(),
            unattributed: TimesReport::new(gpu, gpu.unattributed),
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses: LossReport::gpu(trace),
        }
    }
}

impl<'a> Timed<'a> {
    fn new(trace: &'a Trace, gpu: &'a Gpu, resolution_ns: u64) -> Self {
        Self {
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::new(gpu, gpu.total),
            resolution_ns,
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses: LossReport::gpu(trace),
        }
    }
}

impl TimesReport {
    fn new(gpu: &Gpu, times: GpuTimes) -> Self {
        let (count, time, has_ops) = (times.ops, times.busy_ns, gpu.source.has_ops());
        Self {
            gpu_ops: has_ops.then_some(count),
            gpu_busy_ns: has_ops.then_some(time),
            gpu_timed_ranges: (!has_ops).then_some(count),
            gpu_elapsed_ns: (!has_ops).then_some(time),
            gpu_span_ns: times.span_ns(),
        }
    }
}

/// Returns the GPU time of a stage; `None` if unknown.
pub(in crate::export) fn stage_times(trace: &Trace, stages: &StageTree, stage: NodeId) -> Option<TimesReport> {
    let gpu = trace.gpu.as_ref().ok()?;
    let times = stages.node(stage).gpu;
    is_known(gpu, times).then(|| TimesReport::new(gpu, times))
}

/// Returns whether the source measured a stage: events measure only the timed stages, all other
/// sources measure every stage.
pub(in crate::export) fn is_known(gpu: &Gpu, times: GpuTimes) -> bool {
    gpu.source.has_ops() || times.ops > 0
}

/// Returns the header of the summary's GPU column.
pub(in crate::export) fn column(gpu: &Gpu) -> &'static str {
    if gpu.source.has_ops() { "gpu busy" } else { "gpu elapsed" }
}

/// Returns the sentence about the GPU at the end of the summary.
pub(in crate::export) fn sentence(trace: &Trace) -> String {
    match &trace.gpu {
        Err(reason) => format!("GPU: not recorded, {reason}."),
        Ok(Gpu { source: source @ Source::Events { reason, .. }, total, .. }) => format!(
            "GPU: {} ranges timed on their streams, {:.3} ms of {:.3} ms; source {}{}.",
            total.ops,
            ms(total.busy_ns),
            ms(trace.end - trace.begin),
            source.name().title,
            reason.as_ref().map(|reason| format!(", because {reason}")).unwrap_or_default()
        ),
        Ok(gpu) => format!(
            "GPU: {} ops, busy for {:.3} ms of {:.3} ms, {:.3} ms of it launched by no stage; source {}.",
            gpu.total.ops,
            ms(gpu.total.busy_ns),
            ms(trace.end - trace.begin),
            ms(gpu.unattributed.busy_ns),
            gpu.source.name().title
        ),
    }
}
