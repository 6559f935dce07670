//! Tables of growth as plots.

use std::path::Path;

use plotters::prelude::*;

use super::growth::{Point, Series};

const SIZE: (u32, u32) = (960, 900);

/// A row for each series: instructions on the left, times on the right.
pub(super) fn write(all: &[Series], path: &Path) -> Result<(), String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|e| e.to_string())?;
        let cells = area.split_evenly((all.len(), 2));
        for (series, pair) in all.iter().zip(cells.chunks_exact(2)) {
            let instructions = points(series, Point::instructions);
            let compiling = points(series, |point| point.compiling / 1e3);
            let proving = points(series, |point| point.proving / 1e3);
            let by = series.name;
            chart(&pair[0], &format!("instructions by {by}"), &[("", instructions)])?;
            let times = [("compiling", compiling), ("proof", proving)];
            chart(&pair[1], &format!("milliseconds by {by}"), &times)?;
        }
        area.present().map_err(|e| e.to_string())?;
    }
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

type Line = Vec<(f64, f64)>;

fn points(series: &Series, value: impl Fn(&Point) -> f64) -> Line {
    series.points.iter().map(|point| (f64::from(point.size), value(point))).collect()
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    caption: &str,
    lines: &[(&str, Line)],
) -> Result<(), String> {
    const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32)];
    let all = || lines.iter().flat_map(|(_, line)| line);
    let right = all().map(|(x, _)| *x).fold(1.0, f64::max);
    let top = all().map(|(_, y)| *y).fold(0.0, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..right, 0.0..top)
        .map_err(|e| e.to_string())?;
    chart.configure_mesh().light_line_style(TRANSPARENT).draw().map_err(|e| e.to_string())?;
    for ((name, line), colour) in lines.iter().zip(COLOURS) {
        let style = colour.stroke_width(2);
        let drawn = chart.draw_series(LineSeries::new(line.iter().copied(), style).point_size(3));
        let drawn = drawn.map_err(|e| e.to_string())?;
        if !name.is_empty() {
            drawn.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
    }
    if lines.len() > 1 {
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft).border_style(BLACK).background_style(WHITE);
        labels.draw().map_err(|e| e.to_string())?;
    }
    Ok(())
}
