//! Memory in the reports: per device and stage, for programs (`timing_rank*.json`) and for people (the summary).

use std::fmt::Write;

use serde::Serialize;

use crate::export::format::json::{Line, ms};
use crate::export::format::markdown::{cell, render};
use crate::model::{DeviceMemory, Memory, StageMemory, Trace, Usage};
use crate::record::Device;

/// Rows of the summary's table.
const MAX_STAGES: usize = 6;

/// What was allocated. Bytes.
#[derive(Debug, Serialize)]
pub(in crate::export) struct MemoryReport {
    /// Where the host's numbers come from; without an allocator that reports there are none.
    source: &'static str,
    /// Smaller blocks of the host are not in the numbers.
    least_bytes: u64,
    /// Allocations and releases for which there was no room: totals are wrong by them.
    events_lost: u64,
    devices: Vec<DeviceReport>,
}

#[derive(Debug, Serialize)]
struct DeviceReport {
    device: String,
    begin_bytes: u64,
    end_bytes: u64,
    peak_bytes: u64,
    /// Since the window began.
    peak_ms: f64,
    /// Of the end, what no recorded allocation explains.
    unexplained_bytes: i64,
    #[serde(flatten)]
    usage: UsageReport,
    stages: Vec<Line<StageReport>>,
}

#[derive(Debug, Serialize)]
struct StageReport {
    /// The names from the outermost stage to this one, joined by `/`.
    path: String,
    /// The most that the process had allocated while the stage ran.
    peak_bytes: u64,
    /// By how much that was more than when it began.
    peak_growth_bytes: u64,
    #[serde(flatten)]
    usage: UsageReport,
}

#[derive(Debug, Serialize)]
struct UsageReport {
    allocations: u64,
    frees: u64,
    allocated_bytes: u64,
    freed_bytes: u64,
    failed_allocations: u64,
}

impl MemoryReport {
    /// The report; `None` if memory was not recorded.
    pub(in crate::export) fn of(trace: &Trace) -> Option<Self> {
        let memory = trace.memory.as_ref()?;
        Some(Self {
            source: source(memory),
            least_bytes: memory.least_bytes,
            events_lost: memory.lost,
            devices: memory.devices.iter().map(|device| DeviceReport::new(trace, device)).collect(),
        })
    }
}

fn source(memory: &Memory) -> &'static str {
    match (memory.has_allocator, memory.devices.is_empty()) {
        (true, _) => "allocator",
        (false, false) => "record_alloc",
        (false, true) => "none",
    }
}

impl DeviceReport {
    fn new(trace: &Trace, memory: &DeviceMemory) -> Self {
        let stages = touched(trace, memory).into_iter();
        Self {
            device: device_name(memory.device),
            begin_bytes: memory.at_begin,
            end_bytes: memory.at_end,
            peak_bytes: memory.peak,
            peak_ms: ms(memory.peak_at.saturating_sub(trace.begin)),
            unexplained_bytes: memory.unexplained,
            usage: memory.usage.into(),
            stages: stages.map(|(path, stage)| Line(StageReport::new(path, &stage))).collect(),
        }
    }
}

impl StageReport {
    fn new(path: String, stage: &StageMemory) -> Self {
        Self { path, peak_bytes: stage.peak, peak_growth_bytes: stage.growth, usage: stage.usage.into() }
    }
}

impl From<Usage> for UsageReport {
    fn from(usage: Usage) -> Self {
        let Usage { allocs, frees, allocated, freed, failed } = usage;
        Self { allocations: allocs, frees, allocated_bytes: allocated, freed_bytes: freed, failed_allocations: failed }
    }
}

/// The stages that ran, with their paths, in the tree's order.
fn touched(trace: &Trace, memory: &DeviceMemory) -> Vec<(String, StageMemory)> {
    let mut outer: Vec<&str> = Vec::new();
    let nodes = trace.stages.in_order().into_iter();
    let stages = nodes.map(|(id, node)| {
        outer.truncate(node.depth as usize);
        outer.push(node.name());
        (outer.join("/"), memory.stage(id))
    });
    stages.collect()
}

/// The summary's section; nothing if no memory was recorded.
pub(in crate::export) fn push_section(page: &mut String, trace: &Trace) {
    let Some(memory) = trace.memory.as_ref().filter(|memory| !memory.devices.is_empty()) else { return };
    page.push_str("\n## Memory\n\n");
    for device in &memory.devices {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            page,
            "`{}`: peak {} after {:.3} ms, {} at the begin, {} at the end, {} allocations.",
            device_name(device.device),
            human_bytes(device.peak),
            ms(device.peak_at.saturating_sub(trace.begin)),
            human_bytes(device.at_begin),
            human_bytes(device.at_end),
            device.usage.allocs,
        );
    }
    let mut rows: Vec<(u64, [String; 6])> = Vec::new();
    for device in &memory.devices {
        for (id, node) in trace.stages.in_order() {
            let stage = device.stage(id);
            if stage.usage.allocs > 0 {
                rows.push((stage.growth, stage_row(&stage, node.name(), device.device)));
            }
        }
    }
    rows.sort_by(|(one, _), (other, _)| other.cmp(one));
    let rows: Vec<[String; 6]> = rows.into_iter().take(MAX_STAGES).map(|(_, row)| row).collect();
    if !rows.is_empty() {
        page.push('\n');
        page.push_str(&render(["stage", "device", "peak", "growth", "net", "allocations"], &rows));
    }
}

fn stage_row(stage: &StageMemory, name: &str, device: Device) -> [String; 6] {
    let net = stage.usage.net();
    let sign = if net < 0 { "-" } else { "" };
    [
        cell(name),
        device_name(device),
        human_bytes(stage.peak),
        human_bytes(stage.growth),
        format!("{sign}{}", human_bytes(net.unsigned_abs())),
        stage.usage.allocs.to_string(),
    ]
}

/// As PyTorch writes devices: `cpu`, `cuda:0`.
pub(super) fn device_name(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => format!("cuda:{index}"),
    }
}

/// A size for people: `1.50 GiB`.
pub(super) fn human_bytes(bytes: u64) -> String {
    match unit_of(bytes) {
        (_, "B") => format!("{bytes} B"),
        (unit, name) => format!("{:.2} {name}", bytes as f64 / unit),
    }
}

/// The unit that a size is told in, and its name.
pub(super) fn unit_of(bytes: u64) -> (f64, &'static str) {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fitting = UNITS.into_iter().find(|(unit, _)| bytes >= *unit);
    fitting.map_or((1.0, "B"), |(unit, name)| (unit as f64, name))
}
