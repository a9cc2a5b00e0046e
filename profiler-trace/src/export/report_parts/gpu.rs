//! What the reports say about the GPU: where its times come from, how busy it was, and what is missing. A time that was
//! not measured is absent, never 0.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::export::format::json::ms;
use crate::model::{Gpu, GpuTimes, NodeId, Source, StageTree, Trace};
use crate::records::events::{EventLosses, Failure};
use crate::records::gpu::GpuLosses;
use crate::records::unavailable::Unavailable;

/// The GPU in the timing report, the manifest and the trace's head.
#[derive(Debug, Serialize)]
pub(in crate::export) struct GpuReport<'a> {
    /// Word of the source, or `none`.
    source: &'static str,
    /// One word for why there is nothing, or no more than events.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'static str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    recorded: Option<Recorded<'a>>,
    #[serde(flatten)]
    timed: Option<Timed<'a>>,
}

#[derive(Debug, Serialize)]
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
    losses: GpuLossReport,
}

/// What events know.
#[derive(Debug, Serialize)]
struct Timed<'a> {
    cuda_driver_version: u32,
    devices: Vec<&'a str>,
    #[serde(flatten)]
    total: TimesReport,
    resolution_ns: u64,
    clock_uncertainty_ns: u64,
    losses: &'a EventLosses,
}

/// GPU time of a stage, or of everything. What its source does not know is absent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::export) struct TimesReport {
    /// Kernels, copies and fills that it launched.
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

#[derive(Debug, Serialize)]
struct GpuLossReport {
    #[serde(flatten)]
    recorded: GpuLosses,
    /// Ops that seem to begin before their launch: no arrow leads to them.
    before_launch: u64,
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
                recorded: Some(Recorded::of(gpu)),
                timed: None,
            },
            Source::Events { reason, losses, resolution_ns } => Self {
                source: gpu.source.name().word,
                reason_code: reason.as_ref().map(Unavailable::code),
                reason: reason.as_ref().map(ToString::to_string),
                recorded: None,
                timed: Some(Timed::of(gpu, losses, *resolution_ns)),
            },
        }
    }
}

impl<'a> Recorded<'a> {
    fn of(gpu: &'a Gpu) -> Self {
        Self {
            version: gpu.library_version().into_iter().collect(),
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::of(gpu, gpu.total),
            api_calls: gpu.calls.len(),
            unattributed: TimesReport::of(gpu, gpu.unattributed),
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses: GpuLossReport { recorded: gpu.losses, before_launch: gpu.before_launch },
        }
    }
}

impl<'a> Timed<'a> {
    fn of(gpu: &'a Gpu, losses: &'a EventLosses, resolution_ns: u64) -> Self {
        Self {
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::of(gpu, gpu.total),
            resolution_ns,
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses,
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

/// GPU time of a stage; `None` if it is not known.
pub(in crate::export) fn of_stage(trace: &Trace, stages: &StageTree, stage: NodeId) -> Option<TimesReport> {
    let gpu = trace.gpu.as_ref().ok()?;
    let times = stages.node(stage).gpu;
    is_known(gpu, times).then(|| TimesReport::of(gpu, times))
}

/// Returns whether the source knows a stage: all but events know of every stage what it launched; events know of those that were timed.
pub(in crate::export) fn is_known(gpu: &Gpu, times: GpuTimes) -> bool {
    gpu.source.knows_ops() || times.ops > 0
}

/// What the summary's column says, and its head.
pub(in crate::export) fn column(gpu: &Gpu) -> &'static str {
    if gpu.source.knows_ops() { "gpu busy" } else { "gpu elapsed" }
}

/// One sentence per cause of loss that there was.
pub(in crate::export) fn loss_sentences(trace: &Trace) -> Vec<String> {
    let Ok(gpu) = &trace.gpu else { return Vec::new() };
    if let Source::Events { losses, reason, .. } = &gpu.source {
        return event_losses(losses, reason.as_ref());
    }
    let dropped = format!("GPU records: {{}}, dropped by {} for want of room", gpu.source.name().title);
    [
        (gpu.losses.dropped, dropped.as_str()),
        (gpu.losses.buffers, "GPU buffers: {}, thrown away; raise `max_buffer_mb` or record fewer steps"),
        (gpu.losses.untimed, "GPU records: {}, without a time; not shown"),
        (gpu.losses.unreadable, "GPU buffers: {}, unreadable from some record on"),
        (gpu.before_launch, "GPU ops: {}, begin before their launch because the clocks differ; without an arrow"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| what.replace("{}", &count.to_string()))
    .collect()
}

fn event_losses(losses: &EventLosses, reason: Option<&Unavailable>) -> Vec<String> {
    let unresolved = if reason == Some(&Unavailable::PROCESS_GONE) {
        "the process ended before their events were read"
    } else {
        "the GPU was not done with them some seconds after the end"
    };
    let refused = match losses.failure {
        Some(Failure(call, code)) => format!("`{call}` failed with CUDA error {code}"),
        None => "the driver refused".to_owned(),
    };
    [
        (losses.exhausted, "every pair of events was in use: the program is far ahead of the GPU"),
        (losses.unresolved, unresolved),
        (losses.unfinished, "open at the end"),
        (losses.captured, "their stream was being captured into a graph"),
        (losses.foreign, "their context is not a device's primary one"),
        (losses.buffer_full, "no room in the buffers; raise `max_buffer_mb`"),
        (losses.failed, refused.as_str()),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, why)| format!("ranges without a GPU time: {count}, {why}"))
    .collect()
}

/// What the summary says at its end.
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
