//! `memory_rank*.svg`: allocated memory over time, one panel per device, with stages in the
//! background.
//!
//! A recording has far more allocations than a chart has pixels. Of the totals on one pixel, the
//! lowest, the highest and the last are drawn, which keeps every peak and bounds the file's size.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};

use plotters::prelude::*;
use plotters::series::AreaSeries;

use crate::export::format::json::ms;
use crate::export::format::xml;
use crate::model::{DeviceMemory, Memory, MemoryEvent, Paths, Reporter, Trace};
use profiler_core::memory::Device;

use super::legend::{self, Band, COLOURS};
use super::report::{human_bytes, unit_of};

const WIDTH: u32 = 1280;
const PANEL_HEIGHT: u32 = 480;
/// Maximum number of devices with a panel.
const MAX_PANELS: usize = 8;
/// Pixels of the time axis; allocations on the same pixel are drawn together.
const COLUMNS: u64 = 1100;
/// Maximum depth of stages that are drawn as bands.
const MAX_DEPTH: usize = 6;
/// Maximum number of calls that are drawn as bands.
const MAX_BANDS: usize = 500;

const INK: RGBColor = RGBColor(32, 74, 135);

/// Writes the chart.
pub(super) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let drawing = Drawing::new(trace);
    let svg = draw(trace, &drawing).map_err(|error| io::Error::other(error.to_string()))?;
    out.write_all(svg.as_bytes())
}

/// Values to draw.
struct Drawing {
    /// Totals of each device over time.
    lines: Vec<Line>,
    bands: Vec<Band>,
}

/// Totals of a device, reduced to the resolution of the chart.
#[derive(Default)]
struct Line {
    points: Vec<(u64, u64)>,
    column: Column,
}

/// Totals on one pixel.
#[derive(Default)]
struct Column {
    number: u64,
    /// Lowest, highest and last total.
    kept: Option<[(u64, u64); 3]>,
}

impl Drawing {
    fn new(trace: &Trace) -> Self {
        let devices = devices(trace);
        let mut lines: Vec<Line> = devices.iter().map(|_| Line::default()).collect();
        for (line, device) in lines.iter_mut().zip(&devices) {
            line.points.push((trace.begin, device.at_begin));
        }
        let mut totals = trace.memory.as_ref().map(|memory| memory.totals());
        let mut open = HashMap::new();
        let mut levels: [Vec<Band>; MAX_DEPTH] = Default::default();
        let per_column = ((trace.end - trace.begin) / COLUMNS).max(1);
        trace.walk_memory(|paths, event| match *event {
            MemoryEvent::Allocation { allocation, .. } => {
                let total = totals.as_mut().map_or(0, |totals| totals.after(&allocation));
                if let Some(index) = devices.iter().position(|each| each.includes(&allocation)) {
                    lines[index].add(allocation.at, total, allocation.at.saturating_sub(trace.begin) / per_column);
                }
            }
            MemoryEvent::Begin { call, site, path, at } => {
                open.insert(call, (site.name(), depth(paths, path), at));
            }
            MemoryEvent::End { call, at } => {
                if let Some((name, depth, begin)) = open.remove(&call) {
                    push_band(&mut levels, depth, Band { name, begin, end: at });
                }
            }
        });
        for (name, depth, begin) in open.into_values() {
            push_band(&mut levels, depth, Band { name, begin, end: trace.end });
        }
        for line in &mut lines {
            line.flush();
        }
        Self { lines, bands: select_bands(levels, trace.end - trace.begin) }
    }
}

/// Returns the devices with a panel, in order.
fn devices(trace: &Trace) -> Vec<&DeviceMemory> {
    trace.memory.iter().flat_map(Memory::all).collect()
}

/// Returns the number of stages around a stage.
fn depth(paths: &Paths, path: crate::model::NodeId) -> usize {
    paths.sites(path).filter(|site| site.is_stage()).count().saturating_sub(1)
}

fn push_band(levels: &mut [Vec<Band>; MAX_DEPTH], depth: usize, band: Band) {
    if let Some(level) = levels.get_mut(depth).filter(|level| level.len() <= MAX_BANDS) {
        level.push(band);
    }
}

/// Selects the stages that are drawn as bands: all levels down to the first on which no stage runs
/// nearly all the time. Stages of the levels above that do run nearly all the time are left out,
/// because a band across the whole chart is not informative.
fn select_bands(levels: [Vec<Band>; MAX_DEPTH], length: u64) -> Vec<Band> {
    let mut best: Vec<Band> = Vec::new();
    for level in levels {
        if level.is_empty() || best.len() + level.len() > MAX_BANDS {
            break;
        }
        let is_long = |band: &Band| (band.end - band.begin).saturating_mul(5) > length.saturating_mul(4);
        let ends_here = !level.iter().any(is_long);
        best.retain(|band| !is_long(band));
        best.extend(level);
        if ends_here {
            break;
        }
    }
    best.sort_by_key(|band| (band.begin, band.end));
    best
}

impl Line {
    fn add(&mut self, at: u64, total: u64, column: u64) {
        if self.column.number != column {
            self.flush();
            self.column.number = column;
        }
        let point = (at, total);
        let kept = self.column.kept.get_or_insert([point; 3]);
        if total < kept[0].1 {
            kept[0] = point;
        }
        if total > kept[1].1 {
            kept[1] = point;
        }
        kept[2] = point;
    }

    fn flush(&mut self) {
        if let Some(mut kept) = self.column.kept.take() {
            kept[..2].sort_unstable_by_key(|&(at, _)| at);
            self.points.extend(kept);
            self.points.dedup();
        }
    }

    /// Returns the totals as steps, each level until the next allocation.
    fn steps(&self, (begin, end): (u64, u64), unit: f64) -> Vec<(f64, f64)> {
        let mut steps = Vec::with_capacity(self.points.len() * 2 + 1);
        let mut level = None;
        for &(at, total) in &self.points {
            let at = ms(at.saturating_sub(begin));
            steps.extend(level.map(|level| (at, level)));
            level = Some(total as f64 / unit);
            steps.extend(level.map(|level| (at, level)));
        }
        steps.extend(level.map(|level| (ms(end - begin), level)));
        steps
    }
}

fn draw(trace: &Trace, drawing: &Drawing) -> Result<String, Box<dyn Error>> {
    let devices = devices(trace);
    let panels = devices.len().clamp(1, MAX_PANELS);
    let mut svg = String::new();
    // CAST: at most `MAX_PANELS`.
    let root = SVGBackend::with_string(&mut svg, (WIDTH, PANEL_HEIGHT * panels as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    for ((area, device), line) in root.split_evenly((panels, 1)).iter().zip(devices).zip(&drawing.lines) {
        draw_panel(area, trace, (device, line), &drawing.bands)?;
    }
    root.present()?;
    drop(root);
    // As wide as the window, so that it also fits a phone.
    let size = format!("width=\"{WIDTH}\" height=\"{}\"", PANEL_HEIGHT as usize * panels);
    Ok(svg.replacen(&size, "width=\"100%\"", 1).chars().map(xml::shown).collect())
}

fn draw_panel<DB: DrawingBackend>(
    area: &DrawingArea<DB, plotters::coord::Shift>,
    trace: &Trace,
    (device, line): (&DeviceMemory, &Line),
    bands: &[Band],
) -> Result<(), Box<dyn Error>>
where
    DB::ErrorType: 'static,
{
    let (unit, unit_name) = unit_of(device.peak);
    let (shown, more) = legend::stages(trace, device, bands);
    let plot = if shown.is_empty() { WIDTH } else { WIDTH - legend::WIDTH };
    let (area, legend_area) = area.split_horizontally(plot);
    let (length, top) = (ms(trace.end - trace.begin).max(0.001), (device.peak as f64 / unit * 1.12).max(1.0));
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .margin_top(48)
        .x_label_area_size(44)
        .y_label_area_size(96)
        .build_cartesian_2d(0.0..length, 0.0..top)?;
    for (stage, colour) in shown.iter().zip(COLOURS) {
        let calls = bands.iter().filter(|band| band.name == stage.name);
        let at = |ns: u64| ms(ns.saturating_sub(trace.begin));
        chart.draw_series(
            calls.map(|band| Rectangle::new([(at(band.begin), 0.0), (at(band.end), top)], colour.mix(0.22).filled())),
        )?;
    }
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .y_labels(8)
        .x_desc("ms since recording began")
        .y_label_formatter(&|bytes| format!("{bytes} {unit_name}"))
        .label_style(("sans-serif", 13))
        .draw()?;
    let steps = line.steps((trace.begin, trace.end), unit);
    chart.draw_series(AreaSeries::new(steps, 0.0, INK.mix(0.25)).border_style(INK.stroke_width(1)))?;
    area.draw(&Text::new(title(trace, device), (20, 14), ("sans-serif", 18)))?;
    legend::draw(&legend_area, &shown, more)
}

fn title(trace: &Trace, device: &DeviceMemory) -> String {
    let name = match device.device {
        Device::Cpu => "the host".to_owned(),
        device => device.to_string(),
    };
    let (whose, begin) = match device.reporter {
        Reporter::Program => ("", format!("{} when recording began", human_bytes(device.at_begin))),
        Reporter::Cuda => (" as CUPTI saw it", "without what was taken before".to_owned()),
    };
    format!(
        "Memory of {name}{whose}: peak {} after {:.1} ms, {begin}, {} when it ended",
        human_bytes(device.peak),
        ms(device.peak_at.saturating_sub(trace.begin)),
        human_bytes(device.at_end),
    )
}
