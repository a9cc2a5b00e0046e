//! Memory in the reports: per device and stage, for programs (`timing_rank*.json`) and for people
//! (the summary).

use std::cmp::Reverse;
use std::fmt::Write;

use serde::Serialize;

use crate::export::format::json::{Line, millis, record};
use crate::export::format::markdown::{cell, render};
use crate::model::{DeviceMemory, Memory, Reporter, StageMemory, Trace, Usage};
use profiler_core::memory::Device;

/// Rows of the summary's table.
const MAX_STAGES: usize = 6;

/// Returns what was allocated, in bytes; `None` if memory was not recorded.
pub(in crate::export) fn of(trace: &Trace) -> Option<impl Serialize> {
    let memory = trace.memory.as_ref()?;
    Some(record! {
        // Source of the host's numbers; without an allocator that reports there are none.
        source: source(memory),
        // Smaller blocks of the host are not in the numbers.
        least_bytes: memory.least_bytes,
        // Allocations and releases for which there was no room: totals are wrong by them.
        events_lost: memory.lost,
        // Devices of the program's reports, then those that CUPTI reported: a device may be in
        // both.
        devices: memory.all().map(|device| of_device(trace, memory, device)).collect::<Vec<_>>(),
    })
}

fn of_device(trace: &Trace, all: &Memory, memory: &DeviceMemory) -> impl Serialize {
    // The list of stages is in this order.
    let stages = trace.stages.in_order().into_iter().map(|(id, _)| memory.stage(id)).enumerate();
    let stage = |(id, stage): (usize, StageMemory)| {
        Line(record! {
            // Its `id` in the report's list of stages.
            stage: id,
            // The most that the process had allocated while the stage ran.
            peak_bytes: stage.peak,
            // Growth to that peak since the stage began.
            peak_growth_bytes: stage.growth,
            ..usage: of_usage(stage.usage),
        })
    };
    record! {
        device: memory.device.to_string(),
        // Source of the device's numbers: `allocator`, `record_alloc`, or `cupti`, which sees what
        // the program takes from CUDA, for pools too, from the recording's begin on.
        source: source_of(all, memory),
        begin_bytes: memory.at_begin,
        end_bytes: memory.at_end,
        peak_bytes: memory.peak,
        // Time of the peak, since the window began.
        peak_at_ns: memory.peak_at.saturating_sub(trace.begin),
        // Part of the memory at the end that no recorded allocation explains.
        unexplained_bytes: memory.unexplained,
        ..usage: of_usage(memory.usage),
        stages: stages.map(stage).collect::<Vec<_>>(),
    }
}

fn of_usage(usage: Usage) -> impl Serialize {
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

/// Returns the word for the source that reported a device's memory.
pub(in crate::export) fn source_of(all: &Memory, device: &DeviceMemory) -> &'static str {
    match (device.reporter, device.device) {
        (Reporter::Cuda, _) => "cupti",
        (Reporter::Program, Device::Cpu) if all.has_allocator => "allocator",
        (Reporter::Program, _) => "record_alloc",
    }
}

/// Appends the summary's section; nothing if no memory was recorded.
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

/// Returns the stages in which memory grew most: the same number of each device.
fn most_grown(trace: &Trace, memory: &Memory) -> Vec<[String; 6]> {
    let mut rows: Vec<(usize, usize, [String; 6])> = Vec::new();
    for (number, device) in memory.all().enumerate() {
        let nodes = trace.stages.in_order().into_iter();
        let stages =
            nodes.map(|(id, node)| (device.stage(id), node.name())).filter(|(stage, _)| stage.usage.allocs > 0);
        let mut stages: Vec<(StageMemory, &str)> = stages.collect();
        stages.sort_by_key(|(stage, _)| Reverse(stage.growth));
        let of_device = stages.iter().enumerate().take(MAX_STAGES);
        rows.extend(of_device.map(|(place, (stage, name))| (place, number, stage_row(stage, name, device))));
    }
    rows.sort_by_key(|(place, device, _)| (*place, *device));
    rows.truncate(MAX_STAGES);
    rows.sort_by_key(|(place, device, _)| (*device, *place));
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

/// Returns the device's name, and the source of its numbers where that is not the program.
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
