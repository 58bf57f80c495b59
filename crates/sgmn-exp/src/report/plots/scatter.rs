//! True against predicted scores: one point a net, on the diagonal where the prediction is right.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::{SERIES, Svg, TEXT_SIZE, grid_style, text_style, title_style};
use crate::metrics::kendall_tau;

const SIZE: (u32, u32) = (520, 540);

/// More points only make the file larger; of more, evenly chosen ones are drawn, and the figure says so.
const MOST_POINTS: usize = 2000;

/// Draws pairs of predicted and true scores, both in [0, 1]; Kendall's τ over all of them stands in the title.
///
/// # Errors
/// If there is no pair, a number is not finite, or the drawing fails.
pub fn scatter_svg(title: &str, pairs: &[[f64; 2]]) -> Result<Svg> {
    let title = match kendall_tau(pairs) {
        Some(tau) => format!("{title}, τ = {tau:.3}"),
        None => title.to_owned(),
    };
    let mut drawing = String::new();
    draw(&title, pairs, &mut drawing).map_err(|error| anyhow!("plot {title:?}: {error}"))?;
    Ok(Svg { title, drawing })
}

fn draw(title: &str, pairs: &[[f64; 2]], drawing: &mut String) -> Result<()> {
    if pairs.is_empty() || pairs.iter().flatten().any(|value| !value.is_finite()) {
        return Err(anyhow!(
            "expected finite scores, found {} pairs or a number that is not finite",
            pairs.len()
        ));
    }
    let root = SVGBackend::with_string(drawing, SIZE).into_drawing_area();
    root.draw(&Text::new(title.to_owned(), (16, 14), title_style()))?;
    let stride = pairs.len().div_ceil(MOST_POINTS);
    if stride > 1 {
        let drawn = format!("{} of {} nets", pairs.len().div_ceil(stride), pairs.len());
        root.draw(&Text::new(drawn, (16, 36), text_style(TEXT_SIZE)))?;
    }
    let (_, below) = root.split_vertically(52);
    let mut chart = ChartBuilder::on(&below)
        .margin_right(24)
        .margin_bottom(8)
        .margin_top(8)
        .margin_left(8)
        .x_label_area_size(42)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(grid_style())
        .axis_style(BLACK.mix(0.4))
        .x_desc("true")
        .y_desc("predicted")
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|x| format!("{x:.1}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .label_style(text_style(TEXT_SIZE))
        .axis_desc_style(text_style(TEXT_SIZE))
        .draw()?;
    let diagonal = [(0.0, 0.0), (1.0, 1.0)];
    chart.draw_series(DashedLineSeries::new(diagonal, 6, 4, BLACK.mix(0.6).stroke_width(1)))?;
    // Half transparent, so that a crowd is darker than a single net.
    let color = SERIES[0].mix(0.5);
    let points = pairs.iter().step_by(stride);
    chart
        .draw_series(points.map(|&[predicted, truth]| Circle::new((truth, predicted), 3, color.filled())))?;
    root.present()?;
    Ok(())
}
