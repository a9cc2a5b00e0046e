//! Process names and numbers in a trace, the same in both formats and in a merged trace.
//!
//! Viewers show each device as its own process, next to the program. Other pseudo-processes
//! get numbers above every real process id, not words, because speedscope and other tools only read
//! numbers.

use crate::model::Trace;

/// `pid` of the profiler's own overhead.
pub(in crate::export) const OVERHEAD: u64 = 536_870_911;
/// `pid` of the span of the recording.
pub(in crate::export) const SPANS: u64 = 536_870_912;
/// `pid` of the mark at the start of the recording.
pub(in crate::export) const TRACES: u64 = 536_870_913;
/// `pid` of the mark at the end of the recording.
pub(in crate::export) const WINDOW: u64 = 536_870_914;

/// Returns the name of the program: `rank 0 · CPU (wan_i2v)`.
pub(in crate::export) fn host_name(trace: &Trace) -> String {
    rank_process(trace, &with_detail("CPU".to_owned(), &trace.context.process_name))
}

/// Returns the name of a device, `rank 0 · GPU 0 (NVIDIA H200)`; without a device, the name of the
/// overhead's process, `rank 0 · CUPTI overhead`.
pub(in crate::export) fn device_name(trace: &Trace, device: Option<u32>) -> String {
    let gpu = trace.gpu.as_ref().ok();
    let Some(device) = device else {
        return rank_process(trace, &format!("{} overhead", gpu.map_or("GPU", |gpu| gpu.source.name().title)));
    };
    let devices = gpu.map_or(&[][..], |gpu| &gpu.devices);
    let detail = devices.get(device as usize).map_or("", |device| &device.name);
    rank_process(trace, &with_detail(format!("GPU {device}"), detail))
}

/// Returns the name of a pseudo-process of the rank: `rank 0 · CUPTI overhead`.
pub(in crate::export) fn rank_process(trace: &Trace, what: &str) -> String {
    format!("{} · {what}", trace.context.process_label())
}

/// Returns the prefix of the names of a rank's processes.
pub(in crate::export) fn prefix(rank: u32) -> String {
    format!("rank {rank} · ")
}

fn with_detail(name: String, detail: &str) -> String {
    if detail.is_empty() { name } else { format!("{name} ({detail})") }
}
