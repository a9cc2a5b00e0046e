//! What the reports say about the GPU: where its times come from, how busy it was, and what is
//! missing. A time that was not measured is absent, never 0.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::export::format::json::ms;
use crate::export::report_parts::losses::LossReport;
use crate::model::{Gpu, GpuTimes, NodeId, Source, StageTree, Trace};
use crate::records::unavailable::Unavailable;

/// The GPU in the timing report, the manifest and the trace's head.
#[derive(Serialize)]
pub(in crate::export) struct GpuReport<'a> {
    /// Word of the source, or `none`.
    source: &'static str,
    /// One word for why there are no records, or no more than events.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'static str>,
    /// The reason in a sentence.
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

/// The figures that events know.
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

/// GPU time of a stage, or of everything. Fields that the source does not know are absent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::export) struct TimesReport {
    /// Kernels, copies and fills that the stage launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_ops: Option<u64>,
    /// Time in which at least one of them ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_busy_ns: Option<u64>,
    /// Ranges that events have timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_timed_ranges: Option<u64>,
    /// Time in which at least one of them was open on its stream, whether or not that was busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_elapsed_ns: Option<u64>,
    /// From the begin of the first op or range to the end of the last.
    gpu_span_ns: u64,
}

impl<'a> GpuReport<'a> {
    pub(in crate::export) fn of(trace: &'a Trace) -> Self {
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
                recorded: Some(Recorded::of(trace, gpu)),
                timed: None,
            },
            Source::Events { reason, resolution_ns, .. } => Self {
                source: gpu.source.name().word,
                reason_code: reason.as_ref().map(Unavailable::code),
                reason: reason.as_ref().map(ToString::to_string),
                recorded: None,
                timed: Some(Timed::of(trace, gpu, *resolution_ns)),
            },
        }
    }
}

impl<'a> Recorded<'a> {
    fn of(trace: &'a Trace, gpu: &'a Gpu) -> Self {
        Self {
            version: gpu.library_version().into_iter().collect(),
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::of(gpu, gpu.total),
            api_calls: gpu.calls.len(),
            unattributed: TimesReport::of(gpu, gpu.unattributed),
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses: LossReport::of_gpu(trace),
        }
    }
}

impl<'a> Timed<'a> {
    fn of(trace: &'a Trace, gpu: &'a Gpu, resolution_ns: u64) -> Self {
        Self {
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::of(gpu, gpu.total),
            resolution_ns,
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses: LossReport::of_gpu(trace),
        }
    }
}

impl TimesReport {
    fn of(gpu: &Gpu, times: GpuTimes) -> Self {
        let (count, time, knows_ops) = (times.ops, times.busy_ns, gpu.source.knows_ops());
        Self {
            gpu_ops: knows_ops.then_some(count),
            gpu_busy_ns: knows_ops.then_some(time),
            gpu_timed_ranges: (!knows_ops).then_some(count),
            gpu_elapsed_ns: (!knows_ops).then_some(time),
            gpu_span_ns: times.span_ns(),
        }
    }
}

/// Returns the GPU time of a stage; `None` if it is not known.
pub(in crate::export) fn of_stage(trace: &Trace, stages: &StageTree, stage: NodeId) -> Option<TimesReport> {
    let gpu = trace.gpu.as_ref().ok()?;
    let times = stages.node(stage).gpu;
    is_known(gpu, times).then(|| TimesReport::of(gpu, times))
}

/// Returns whether the source knows a stage: events know only the timed stages, every other source
/// knows all.
pub(in crate::export) fn is_known(gpu: &Gpu, times: GpuTimes) -> bool {
    gpu.source.knows_ops() || times.ops > 0
}

/// Returns the head of the summary's column.
pub(in crate::export) fn column(gpu: &Gpu) -> &'static str {
    if gpu.source.knows_ops() { "gpu busy" } else { "gpu elapsed" }
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
