//! True against predicted numbers: one point a net, on the diagonal where the prediction is right.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::{SERIES, Svg, TEXT_SIZE, grid_style, text_style, title_style};
use crate::metrics::{kendall_tau, r_squared};

const SIZE: (u32, u32) = (520, 540);

/// More points only make the file larger; of more, evenly chosen ones are drawn, and the figure says so.
const MOST_POINTS: usize = 2000;

/// Draws pairs of predicted and true numbers on axes over a range, or over what is there if none is given.
///
/// Kendall's τ over all of them stands in the title, and R² where the numbers have no range of their own.
///
/// # Errors
/// If there is no pair, a number is not finite, or the drawing fails.
pub fn scatter_svg(title: &str, pairs: &[[f64; 2]], range: Option<(f64, f64)>) -> Result<Svg> {
    let mut title = title.to_owned();
    if let Some(tau) = kendall_tau(pairs) {
        title += &format!(", τ = {tau:.3}");
    }
    if let (None, Some(r2)) = (range, r_squared(pairs)) {
        title += &format!(", R² = {r2:.3}");
    }
    let mut drawing = String::new();
    let range = range.unwrap_or_else(|| range_of(pairs));
    draw(&title, pairs, range, &mut drawing).map_err(|error| anyhow!("plot {title:?}: {error}"))?;
    Ok(Svg { title, drawing })
}

/// From the smallest to the largest number, with some room; around a single one a range that is not empty.
fn range_of(pairs: &[[f64; 2]]) -> (f64, f64) {
    /// Room at each side, as a share of the range.
    const ROOM: f64 = 0.04;
    let fold = |start: f64, choose: fn(f64, f64) -> f64| pairs.iter().flatten().copied().fold(start, choose);
    let (low, high) = (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max));
    let room = if high > low { ROOM * (high - low) } else { low.abs().max(1.0) / 2.0 };
    (low - room, high + room)
}

/// A number beside an axis of this length, with as many digits as tell its marks apart.
fn beside_axis(value: f64, span: f64) -> String {
    let magnitude = span.log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        format!("{value:.*}", (1.0 - magnitude).max(0.0) as usize)
    } else {
        format!("{value:.1e}")
    }
}

fn draw(title: &str, pairs: &[[f64; 2]], range: (f64, f64), drawing: &mut String) -> Result<()> {
    if pairs.is_empty() || pairs.iter().flatten().any(|value| !value.is_finite()) {
        return Err(anyhow!(
            "expected finite numbers, found {} pairs or a number that is not finite",
            pairs.len()
        ));
    }
    let (low, high) = range;
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
        .build_cartesian_2d(low..high, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(grid_style())
        .axis_style(BLACK.mix(0.4))
        .x_desc("true")
        .y_desc("predicted")
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|x| beside_axis(*x, high - low))
        .y_label_formatter(&|y| beside_axis(*y, high - low))
        .label_style(text_style(TEXT_SIZE))
        .axis_desc_style(text_style(TEXT_SIZE))
        .draw()?;
    let diagonal = [(low, low), (high, high)];
    chart.draw_series(DashedLineSeries::new(diagonal, 6, 4, BLACK.mix(0.6).stroke_width(1)))?;
    // Half transparent, so that a crowd is darker than a single net.
    let color = SERIES[0].mix(0.5);
    let points = pairs.iter().step_by(stride);
    chart
        .draw_series(points.map(|&[predicted, truth]| Circle::new((truth, predicted), 3, color.filled())))?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_beside_an_axis_have_the_digits_that_tell_them_apart() {
        for (value, span, shown) in [
            (0.4, 1.0, "0.4"),
            (97.5, 30.0, "98"),
            (0.125, 0.25, "0.12"),
            (3e7, 6e7, "3.0e7"),
            (2e-6, 4e-6, "2.0e-6"),
        ] {
            assert_eq!(beside_axis(value, span), shown);
        }
    }

    #[test]
    fn numbers_of_any_size_are_drawn() {
        for pairs in [&[[-40.0, 250.0], [99.0, 80.0]][..], &[[7.0, 7.0]], &[[0.0, 0.0]], &[[1e-9, 2e-9]]] {
            let svg = scatter_svg("nets", pairs, None).unwrap().to_file();
            assert_eq!(svg.matches("<circle").count(), pairs.len());
        }
        assert!(scatter_svg("nets", &[[f64::NAN, 1.0]], None).is_err());
        assert!(scatter_svg("nets", &[], None).is_err());
    }
}
