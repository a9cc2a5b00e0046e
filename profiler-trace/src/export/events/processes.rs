//! The processes of a trace: names and numbers, the same in both formats and in a merged trace.
//!
//! A viewer shows a device beside the program as a process of its own. What is neither gets a
//! number above every process id, never a word: speedscope and others read numbers only.

use crate::model::Trace;

/// `pid` of the profiler's own overhead.
pub(in crate::export) const OVERHEAD: u64 = 536_870_911;
/// `pid` of the span of the recording.
pub(in crate::export) const SPANS: u64 = 536_870_912;
/// `pid` of the mark at which the recording begins.
pub(in crate::export) const TRACES: u64 = 536_870_913;
/// `pid` of the mark at which the recording ends.
pub(in crate::export) const WINDOW: u64 = 536_870_914;

/// Returns the name of the program: `rank 0 · CPU (wan_i2v)`.
pub(in crate::export) fn host_name(trace: &Trace) -> String {
    of_rank(trace, &with_detail("CPU".to_owned(), &trace.context.process_name))
}

/// Returns the name of a device, `rank 0 · GPU 0 (NVIDIA H200)`; without one, of what is shown
/// beside them, `rank 0 · CUPTI overhead`.
pub(in crate::export) fn device_name(trace: &Trace, device: Option<u32>) -> String {
    let gpu = trace.gpu.as_ref().ok();
    let Some(device) = device else {
        return of_rank(trace, &format!("{} overhead", gpu.map_or("GPU", |gpu| gpu.source.name().title)));
    };
    let devices = gpu.map_or(&[][..], |gpu| &gpu.devices);
    let detail = devices.get(device as usize).map_or("", |device| &device.name);
    of_rank(trace, &with_detail(format!("GPU {device}"), detail))
}

/// Returns the name of what belongs to the rank and is neither program nor device:
/// `rank 0 · CUPTI overhead`.
pub(in crate::export) fn of_rank(trace: &Trace, what: &str) -> String {
    format!("{} · {what}", trace.context.place())
}

/// Returns what the names of a rank's processes begin with.
pub(in crate::export) fn prefix(rank: u32) -> String {
    format!("rank {rank} · ")
}

fn with_detail(name: String, detail: &str) -> String {
    if detail.is_empty() { name } else { format!("{name} ({detail})") }
}
