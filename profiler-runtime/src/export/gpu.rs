//! What the reports say about the GPU: where its times come from, how busy it was, and what is missing. A time that was
//! not measured is absent, never 0.

use serde::Serialize;

use crate::model::{GpuTimes, NodeId, StageTree, Trace};

use super::json::ms;

/// The GPU in the timing report, the manifest and the trace's head.
#[derive(Debug, Serialize)]
pub(super) struct GpuReport<'a> {
    /// `cupti`, or `none`.
    source: &'static str,
    /// One word for why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'static str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    recorded: Option<Recorded<'a>>,
}

#[derive(Debug, Serialize)]
struct Recorded<'a> {
    cupti_version: u32,
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

/// GPU time of a stage, or of everything.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TimesReport {
    /// Kernels, copies and fills that it launched.
    gpu_ops: u64,
    /// Time in which at least one of them ran.
    gpu_busy_ms: f64,
    /// From the begin of the first to the end of the last.
    gpu_span_ms: f64,
}

#[derive(Debug, Serialize)]
struct GpuLossReport {
    /// Records that CUPTI could not store.
    dropped: u64,
    /// Buffers that were thrown away because `max_buffer_mb` was reached.
    buffers: u64,
    /// Records without a begin or an end.
    untimed: u64,
    /// Stretches that could not be read.
    unreadable: u64,
    /// Ops that seem to begin before their launch: no arrow leads to them.
    before_launch: u64,
}

impl<'a> GpuReport<'a> {
    pub(super) fn of(trace: &'a Trace) -> Self {
        let gpu = match &trace.gpu {
            Ok(gpu) => gpu,
            Err(reason) => {
                let (reason_code, reason) = (Some(reason.code()), Some(reason.to_string()));
                return Self { source: "none", reason_code, reason, recorded: None };
            }
        };
        let losses = GpuLossReport {
            dropped: gpu.losses.dropped,
            buffers: gpu.losses.buffers,
            untimed: gpu.losses.untimed,
            unreadable: gpu.losses.unreadable,
            before_launch: gpu.before_launch,
        };
        let recorded = Recorded {
            cupti_version: gpu.cupti_version,
            cuda_driver_version: gpu.driver_version,
            devices: gpu.devices.iter().map(|device| device.name.as_str()).collect(),
            total: TimesReport::of(gpu.total),
            api_calls: gpu.calls.len(),
            unattributed: TimesReport::of(gpu.unattributed),
            clock_uncertainty_ns: gpu.clock_uncertainty_ns,
            losses,
        };
        Self { source: "cupti", reason_code: None, reason: None, recorded: Some(recorded) }
    }
}

impl TimesReport {
    /// In milliseconds.
    pub(super) fn of(times: GpuTimes) -> Self {
        Self { gpu_ops: times.ops, gpu_busy_ms: ms(times.busy_ns), gpu_span_ms: ms(times.span_ns()) }
    }
}

/// GPU time of a stage; `None` if the GPU was not recorded.
pub(super) fn of_stage(trace: &Trace, stages: &StageTree, stage: NodeId) -> Option<TimesReport> {
    trace.gpu.as_ref().ok().map(|_| TimesReport::of(stages.node(stage).gpu))
}

/// One sentence per cause of loss that there was.
pub(super) fn loss_sentences(trace: &Trace) -> Vec<String> {
    let Ok(gpu) = &trace.gpu else { return Vec::new() };
    [
        (gpu.losses.dropped, "GPU records: {}, dropped by CUPTI for want of room"),
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

/// What the summary says at its end.
pub(super) fn sentence(trace: &Trace) -> String {
    match &trace.gpu {
        Err(reason) => format!("GPU: not recorded, {reason}."),
        Ok(gpu) => format!(
            "GPU: {} ops, busy for {:.3} ms of {:.3} ms, {:.3} ms of it launched by no stage; source CUPTI.",
            gpu.total.ops,
            ms(gpu.total.busy_ns),
            ms(trace.end - trace.begin),
            ms(gpu.unattributed.busy_ns)
        ),
    }
}
