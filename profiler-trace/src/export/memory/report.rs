//! Memory in reports, per device and stage: for programs (`timing_rank*.json`) and for people (the
//! summary).

use std::cmp::Reverse;
use std::fmt::Write;

use serde::Serialize;

use crate::export::format::json::{Line, millis, record};
use crate::export::format::markdown::{cell, render};
use crate::model::{DeviceMemory, Memory, Reporter, StageMemory, Trace, Usage};
use profiler_core::memory::Device;

/// Maximum number of rows in the summary's table.
const MAX_STAGES: usize = 6;

/// Returns the memory report, in bytes; `None` if memory was not recorded.
pub(in crate::export) fn report(trace: &Trace) -> Option<impl Serialize> {
    let memory = trace.memory.as_ref()?;
    Some(record! {
        // Origin of the host's numbers; without a reporting allocator there are none.
        source: source(memory),
        // Minimum size of host blocks in the numbers.
        least_bytes: memory.least_bytes,
        // Allocations and releases that did not fit into the buffers; totals exclude them.
        events_lost: memory.lost,
        // Devices that the program reported, then those that CUPTI reported; a device may be in
        // both.
        devices: memory.all().map(|device| device_report(trace, memory, device)).collect::<Vec<_>>(),
    })
}

fn device_report(trace: &Trace, all: &Memory, memory: &DeviceMemory) -> impl Serialize {
    // The report's list of stages has the same order.
    let stages = trace.stages.in_order().into_iter().map(|(id, _)| memory.stage(id)).enumerate();
    let stage = |(id, stage): (usize, StageMemory)| {
        Line(record! {
            // The stage's `id` in the report's list of stages.
            stage: id,
            // Maximum memory of the process while the stage ran.
            peak_bytes: stage.peak,
            // Growth from the stage's start to that peak.
            peak_growth_bytes: stage.growth,
            ..usage: usage_report(stage.usage),
        })
    };
    record! {
        device: memory.device.to_string(),
        // Origin of the numbers: `allocator`, `record_alloc`, or `cupti`, which records what the
        // program allocates from CUDA, also for pools, since the start of the recording.
        source: source_of(all, memory),
        begin_bytes: memory.at_begin,
        end_bytes: memory.at_end,
        peak_bytes: memory.peak,
        // Time of the peak, relative to the window's start.
        peak_at_ns: memory.peak_at.saturating_sub(trace.begin),
        // Part of `end_bytes` without recorded allocations.
        unexplained_bytes: memory.unexplained,
        ..usage: usage_report(memory.usage),
        stages: stages.map(stage).collect::<Vec<_>>(),
    }
}

fn usage_report(usage: Usage) -> impl Serialize {
    let Usage { allocs, frees, allocated, freed, failed } = usage;
    record! {
        allocations: allocs,
        frees: frees,
        allocated_bytes: allocated,
        freed_bytes: freed,
        failed_allocations: failed,
    }
}

fn source(memory: &Memory) -> &'static str {
    match (memory.has_allocator, memory.devices.is_empty()) {
        (true, _) => "allocator",
        (false, false) => "record_alloc",
        (false, true) => "none",
    }
}

/// Returns the word for the origin of a device's numbers.
pub(in crate::export) fn source_of(all: &Memory, device: &DeviceMemory) -> &'static str {
    match (device.reporter, device.device) {
        (Reporter::Cuda, _) => "cupti",
        (Reporter::Program, Device::Cpu) if all.has_allocator => "allocator",
        (Reporter::Program, _) => "record_alloc",
    }
}

/// Appends the summary's section, unless no memory was recorded.
pub(in crate::export) fn push_section(page: &mut String, trace: &Trace) {
    let Some(memory) = trace.memory.as_ref().filter(|memory| memory.all().next().is_some()) else { return };
    page.push_str("\n## Memory\n\n");
    for device in memory.all() {
        let before = match device.reporter {
            Reporter::Program => format!("{} at the start", human_bytes(device.at_begin)),
            Reporter::Cuda => "without what was taken before".to_owned(),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            page,
            "`{}`: peak {} after {} ms, {before}, {} at the end, {} allocations.",
            full_name(device),
            human_bytes(device.peak),
            millis(device.peak_at.saturating_sub(trace.begin)),
            human_bytes(device.at_end),
            device.usage.allocs,
        );
    }
    let rows = most_grown(trace, memory);
    if !rows.is_empty() {
        page.push('\n');
        page.push_str(&render(&["stage", "device", "peak", "growth", "net", "allocations"], &rows));
    }
}

/// Returns the stages in which memory grew most, the same number per device.
fn most_grown(trace: &Trace, memory: &Memory) -> Vec<[String; 6]> {
    let mut rows: Vec<(usize, usize, [String; 6])> = Vec::new();
    for (number, device) in memory.all().enumerate() {
        let nodes = trace.stages.in_order().into_iter();
        let stages =
            nodes.map(|(id, node)| (device.stage(id), node.name())).filter(|(stage, _)| stage.usage.allocs > 0);
        let mut stages: Vec<(StageMemory, &str)> = stages.collect();
        stages.sort_by_key(|(stage, _)| Reverse(stage.growth));
        let device_rows = stages.iter().enumerate().take(MAX_STAGES);
        rows.extend(device_rows.map(|(rank, (stage, name))| (rank, number, stage_row(stage, name, device))));
    }
    rows.sort_by_key(|(rank, device, _)| (*rank, *device));
    rows.truncate(MAX_STAGES);
    rows.sort_by_key(|(rank, device, _)| (*device, *rank));
    rows.into_iter().map(|(.., row)| row).collect()
}

fn stage_row(stage: &StageMemory, name: &str, device: &DeviceMemory) -> [String; 6] {
    let net = stage.usage.net();
    let sign = if net < 0 { "-" } else { "" };
    [
        cell(name),
        full_name(device),
        human_bytes(stage.peak),
        human_bytes(stage.growth),
        format!("{sign}{}", human_bytes(net.unsigned_abs())),
        stage.usage.allocs.to_string(),
    ]
}

/// Returns the device's name, with the origin of its numbers if that is not the program.
fn full_name(device: &DeviceMemory) -> String {
    let name = device.device.to_string();
    match device.reporter {
        Reporter::Program => name,
        Reporter::Cuda => format!("{name} (CUPTI)"),
    }
}

/// Formats a size for people: `1.50 GiB`.
pub(super) fn human_bytes(bytes: u64) -> String {
    match unit_of(bytes) {
        (_, "B") => format!("{bytes} B"),
        (unit, name) => format!("{:.2} {name}", bytes as f64 / unit),
    }
}

/// Returns the unit in which a size is shown, and its name.
pub(super) fn unit_of(bytes: u64) -> (f64, &'static str) {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fitting = UNITS.into_iter().find(|(unit, _)| bytes >= *unit);
    fitting.map_or((1.0, "B"), |(unit, name)| (unit as f64, name))
}
