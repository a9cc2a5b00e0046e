//! The picture in the documentation: cost per range, and memory, on logarithmic axes. A linear
//! total cost is a flat line.

use crate::form::Form;
use crate::page::grouped;
use crate::sample::Sample;
use plotters::coord::Shift;
use plotters::prelude::*;
use profiler_benches::Result;

const SIZE: (u32, u32) = (960, 900);
const FONT: (&str, u32) = ("sans-serif", 14);
const COLOURS: [RGBColor; 4] =
    [RGBColor(32, 74, 135), RGBColor(114, 159, 207), RGBColor(206, 92, 0), RGBColor(252, 175, 62)];
const RECORDING: RGBColor = RGBColor(78, 154, 6);

/// A line of a panel: its name, and a value per number of ranges.
struct Line {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws both panels.
///
/// # Errors
/// Returns an error if a value does not fit a logarithmic axis.
pub(crate) fn draw(samples: &[Sample]) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (above, below) = root.split_vertically(SIZE.1 / 2);
        panel(
            &above,
            "CPU time per range; recorded into a file from 10,000,000 on",
            "ns",
            10.0..10_000.0,
            &times(samples),
        )?;
        panel(&below, "Most memory that the process had", "MB", 1.0..10_000.0, &memory(samples))?;
        root.present()?;
    }
    Ok(svg)
}

fn times(samples: &[Sample]) -> Vec<Line> {
    let exports = Form::ALL.into_iter().zip(COLOURS).map(|(form, colour)| {
        let name = format!("export, {}", form.title());
        Line { name, colour, points: points(samples, form, |sample| sample.per_range(sample.export_ns)) }
    });
    let record = points(samples, Form::ChromeGzip, |sample| sample.per_range(sample.record_ns));
    exports.chain([Line { name: "recording".to_owned(), colour: RECORDING, points: record }]).collect()
}

fn memory(samples: &[Sample]) -> Vec<Line> {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let peak = points(samples, Form::ChromeGzip, |sample| megabytes(sample.peak_bytes));
    let added = points(samples, Form::ChromeGzip, |sample| megabytes(sample.added_bytes.max(1_000_000)));
    let budgets = samples.iter().filter_map(|sample| Some((sample.ranges as f64, megabytes(sample.budget_bytes?))));
    vec![
        Line {
            name: "budget of the recording (none in a file)".to_owned(),
            colour: RECORDING,
            points: budgets.collect(),
        },
        Line { name: "recording and export, gzip".to_owned(), colour: COLOURS[0], points: peak },
        Line { name: "what the export added".to_owned(), colour: COLOURS[2], points: added },
    ]
}

fn points(samples: &[Sample], form: Form, value: impl Fn(&Sample) -> f64) -> Vec<(f64, f64)> {
    samples.iter().filter(|sample| sample.form == form).map(|sample| (sample.ranges as f64, value(sample))).collect()
}

fn panel<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    caption: &str,
    unit: &str,
    values: std::ops::Range<f64>,
    lines: &[Line],
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let largest = lines.iter().flat_map(|line| &line.points).map(|point| point.0).fold(10_000.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(80)
        .build_cartesian_2d((10_000.0..largest * 1.2).log_scale(), values.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("ranges")
        .x_label_formatter(&|ranges| grouped(*ranges as u64))
        .y_label_formatter(&|value| format!("{value:.0} {unit}"))
        .label_style(FONT)
        .draw()?;
    for Line { name, colour, points } in lines {
        let style = colour.stroke_width(2);
        chart
            .draw_series([PathElement::new(points.clone(), style)])?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(FONT)
        .position(SeriesLabelPosition::UpperLeft)
        .draw()?;
    Ok(())
}
