//! The legend of `memory_rank*.svg`: the colours of stages and their peaks.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::export::format::markdown::cell;
use crate::model::{DeviceMemory, Trace};

use super::report::human_bytes;

/// Width of the legend next to the plot, in pixels.
pub(super) const WIDTH: u32 = 300;
/// Height of a line, in pixels.
const LINE: i32 = 24;
/// Maximum number of characters of a stage's name.
const MAX_NAME: usize = 22;

/// Colours of stages. The number of stages with bands is limited to them, so that each is unique.
pub(super) const COLOURS: [RGBColor; 10] = [
    RGBColor(245, 121, 0),
    RGBColor(115, 210, 22),
    RGBColor(117, 80, 123),
    RGBColor(237, 212, 0),
    RGBColor(52, 101, 164),
    RGBColor(204, 0, 0),
    RGBColor(193, 125, 17),
    RGBColor(85, 87, 83),
    RGBColor(6, 152, 154),
    RGBColor(214, 82, 160),
];

/// A call of a stage, drawn as a coloured band behind the plot.
pub(super) struct Band {
    pub(super) name: &'static str,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// Draws the legend.
pub(super) fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    shown: &[LegendEntry],
    more: usize,
) -> Result<(), Box<dyn Error>>
where
    DB::ErrorType: 'static,
{
    let font = ("sans-serif", 13);
    for ((stage, colour), y) in shown.iter().zip(COLOURS).zip((0..).map(|line| 52 + line * LINE)) {
        area.draw(&Rectangle::new([(4, y), (18, y + 10)], colour.mix(0.6).filled()))?;
        area.draw(&Text::new(format!("{}: peak {}", cut(&cell(stage.name)), human_bytes(stage.peak)), (26, y), font))?;
    }
    if more > 0 {
        // CAST: at most as many as there are colours.
        let y = 52 + shown.len() as i32 * LINE;
        area.draw(&Text::new(format!("{more} more"), (26, y), font))?;
    }
    Ok(())
}

/// A stage in the legend.
pub(super) struct LegendEntry {
    pub(super) name: &'static str,
    /// Total time of its bands.
    ns: u64,
    peak: u64,
}

/// Returns the stages that have bands and used this device's memory, in order of their first calls,
/// and the number of stages without a colour, which are those with the least time.
pub(super) fn stages(trace: &Trace, device: &DeviceMemory, bands: &[Band]) -> (Vec<LegendEntry>, usize) {
    let mut stages: Vec<LegendEntry> = Vec::new();
    for band in bands {
        let ns = band.end.saturating_sub(band.begin);
        match stages.iter_mut().find(|stage| stage.name == band.name) {
            Some(stage) => stage.ns += ns,
            None => stages.extend(peak(trace, device, band.name).map(|peak| LegendEntry { name: band.name, ns, peak })),
        }
    }
    let mut longest: Vec<u64> = stages.iter().map(|stage| stage.ns).collect();
    longest.sort_unstable_by(|a, b| b.cmp(a));
    let (all, min_ns) = (stages.len(), longest.get(COLOURS.len() - 1).copied().unwrap_or(0));
    stages.retain(|stage| stage.ns >= min_ns);
    stages.truncate(COLOURS.len());
    let more = all - stages.len();
    (stages, more)
}

/// Returns the maximum memory while a stage ran; `None` if it neither allocated nor freed any.
fn peak(trace: &Trace, device: &DeviceMemory, name: &str) -> Option<u64> {
    let nodes = trace.stages.in_order().into_iter().filter(|(_, node)| node.name() == name);
    let memory = nodes.map(|(id, _)| device.stage(id)).filter(|stage| stage.usage.allocs + stage.usage.frees > 0);
    memory.map(|stage| stage.peak).max()
}

fn cut(name: &str) -> String {
    let is_long = name.chars().count() > MAX_NAME;
    name.chars().take(if is_long { MAX_NAME - 1 } else { MAX_NAME }).chain(is_long.then_some('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E9: no two stages share a colour, and a long name stays inside the picture.
    #[test]
    fn colours_are_distinct_and_names_are_cut() {
        for (at, colour) in COLOURS.iter().enumerate() {
            assert!(!COLOURS[..at].contains(colour), "{colour:?}");
        }
        assert_eq!(cut("vae.decode"), "vae.decode");
        assert_eq!(cut(&"é".repeat(40)), format!("{}…", "é".repeat(MAX_NAME - 1)));
    }
}
