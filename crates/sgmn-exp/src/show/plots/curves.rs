//! Curves over training: one line a method, a band over its seeds.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{SERIES, Svg, TEXT_SIZE, grid_style, text_style, text_width, title_style};
use crate::show::thousands;

/// Width and height.
const SIZE: (u32, u32) = (760, 420);
/// Room left of the title and the legend.
const MARGIN: i32 = 16;
/// Height of a row of the legend.
const LEGEND_ROW: i32 = 20;

/// One line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    label: String,
    points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    x: f64,
    mean: f64,
    low: f64,
    high: f64,
}

impl Curve {
    /// A line through points `(x, y)`; points that are not finite are left out.
    pub fn new(label: impl Into<String>, points: &[(f64, f64)]) -> Self {
        Self::over_seeds(label, &[points.to_vec()])
    }

    /// The mean of several runs with a band from their lowest to their highest value.
    ///
    /// Runs are compared point by point, in order; where some have ended, the others go on alone.
    pub fn over_seeds(label: impl Into<String>, runs: &[Vec<(f64, f64)>]) -> Self {
        let n_points = runs.iter().map(Vec::len).max().unwrap_or(0);
        let point = |i: usize| {
            let here = || {
                runs.iter().filter_map(move |run| run.get(i)).filter(|(x, y)| x.is_finite() && y.is_finite())
            };
            let values = || here().map(|&(_, y)| y);
            Some(Point {
                x: here().next()?.0,
                mean: values().sum::<f64>() / values().count() as f64,
                low: values().fold(f64::INFINITY, f64::min),
                high: values().fold(f64::NEG_INFINITY, f64::max),
            })
        };
        Self { label: label.into(), points: (0..n_points).filter_map(point).collect() }
    }
}

/// How a horizontal axis runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XAxis {
    /// Equal steps are equal differences.
    Linear,
    /// Equal steps are equal ratios; all places are above 0.
    Logarithmic,
}

/// A plot of curves.
#[derive(Debug, Clone)]
pub struct CurvePlot {
    /// What is shown.
    pub title: String,
    /// Quantity and unit along the horizontal axis.
    pub x_label: String,
    /// How the horizontal axis runs.
    pub x_axis: XAxis,
    /// Quantity and unit along the vertical axis.
    pub y_label: String,
    /// Lowest and highest value of the vertical axis; absent: from the data.
    pub y_range: Option<(f64, f64)>,
    /// The lines; at most six can be told apart.
    pub curves: Vec<Curve>,
    /// Values to compare with, such as the paper's, as dashed horizontal lines.
    pub references: Vec<(String, f64)>,
}

impl CurvePlot {
    /// Draws the plot.
    ///
    /// # Errors
    /// If there is no finite point to draw, or the drawing fails.
    pub fn to_svg(&self) -> Result<Svg> {
        let mut drawing = String::new();
        self.draw(&mut drawing).map_err(|error| anyhow!("plot {:?}: {error}", self.title))?;
        Ok(Svg { title: self.title.clone(), drawing })
    }

    fn draw(&self, drawing: &mut String) -> Result<()> {
        let (x, y) = self.ranges().ok_or_else(|| anyhow!("no finite point to draw"))?;
        let root = SVGBackend::with_string(drawing, SIZE).into_drawing_area();
        root.draw(&Text::new(self.title.clone(), (16, 14), title_style()))?;
        self.draw_legend(&root)?;
        let (_, n_rows) = self.legend();
        let (_, below) = root.split_vertically(62 + (n_rows - 1) * LEGEND_ROW);
        let (places, x_digits) = (x.0..x.1, digits(x.1 - x.0));
        match self.x_axis {
            XAxis::Linear => self.draw_lines(&below, places, x, y, &|x| format!("{x:.x_digits$}"))?,
            XAxis::Logarithmic => {
                self.draw_lines(&below, places.log_scale(), x, y, &|x| round_count(*x))?;
            }
        }
        root.present()?;
        Ok(())
    }

    /// Axes, grid and curves, on a horizontal axis whose places run over the range `x` and are written as `shown` says.
    fn draw_lines<X>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        axis: X,
        (x_low, x_high): (f64, f64),
        (y_low, y_high): (f64, f64),
        shown: &dyn Fn(&f64) -> String,
    ) -> Result<()>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .margin_right(24)
            .margin_bottom(8)
            .margin_top(8)
            .margin_left(8)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(axis, y_low..y_high)?;
        let y_digits = digits(y_high - y_low);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(grid_style())
            .axis_style(BLACK.mix(0.4))
            .x_desc(self.x_label.as_str())
            .y_desc(self.y_label.as_str())
            .x_labels(10)
            .y_labels(6)
            .x_label_formatter(&|x| shown(x))
            .y_label_formatter(&|y| format!("{y:.y_digits$}"))
            .label_style(text_style(TEXT_SIZE))
            .axis_desc_style(text_style(TEXT_SIZE))
            .draw()?;
        for (_, value) in &self.references {
            let ends = [(x_low, *value), (x_high, *value)];
            chart.draw_series(DashedLineSeries::new(ends, 6, 4, BLACK.mix(0.6).stroke_width(1)))?;
        }
        for (curve, color) in self.curves.iter().zip(SERIES.iter().cycle()) {
            let above = curve.points.iter().map(|point| (point.x, point.high));
            let under = curve.points.iter().rev().map(|point| (point.x, point.low));
            if curve.points.iter().any(|point| point.low < point.high) {
                let band: Vec<(f64, f64)> = above.chain(under).collect();
                chart.draw_series([Polygon::new(band, color.mix(0.18).filled())])?;
            }
            let line = curve.points.iter().map(|point| (point.x, point.mean));
            chart.draw_series(LineSeries::new(line, color.stroke_width(2)))?;
            if let [point] = curve.points[..] {
                // A line through one point would be invisible.
                chart.draw_series([Circle::new((point.x, point.mean), 4, color.filled())])?;
            }
        }
        Ok(())
    }

    /// Where the samples of the legend stand, curves first, and how many rows they take.
    fn legend(&self) -> (Vec<(i32, i32)>, i32) {
        let labels = self.curves.iter().map(|curve| (28, &curve.label));
        let labels = labels.chain(self.references.iter().map(|(label, _)| (30, label)));
        let (mut x, mut row) = (MARGIN, 0);
        let mut places = Vec::new();
        for (sample, label) in labels {
            let width = sample + text_width(label) + 20;
            if x > MARGIN && x + width > SIZE.0 as i32 {
                (x, row) = (MARGIN, row + 1);
            }
            places.push((x, 48 + row * LEGEND_ROW));
            x += width;
        }
        (places, row + 1)
    }

    /// Rows of line samples and labels under the title.
    fn draw_legend(&self, root: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        let style = text_style(TEXT_SIZE).pos(Pos::new(HPos::Left, VPos::Center));
        let (places, _) = self.legend();
        let (of_curves, of_references) = places.split_at(self.curves.len());
        for ((curve, color), &(x, y)) in self.curves.iter().zip(SERIES.iter().cycle()).zip(of_curves) {
            root.draw(&PathElement::new([(x, y), (x + 22, y)], color.stroke_width(3)))?;
            root.draw(&Text::new(curve.label.clone(), (x + 28, y), style.clone()))?;
        }
        for ((label, _), &(x, y)) in self.references.iter().zip(of_references) {
            for dash in [0, 9, 18] {
                root.draw(&PathElement::new([(x + dash, y), (x + dash + 5, y)], BLACK.mix(0.6)))?;
            }
            root.draw(&Text::new(label.clone(), (x + 30, y), style.clone()))?;
        }
        Ok(())
    }

    fn ranges(&self) -> Option<((f64, f64), (f64, f64))> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let x = span(points().map(|point| point.x))?;
        let values = points().flat_map(|point| [point.low, point.high]);
        let references = self.references.iter().map(|&(_, value)| value).filter(|value| value.is_finite());
        let (low, high) = span(values.chain(references))?;
        let margin = 0.04 * (high - low);
        Some((x, self.y_range.unwrap_or((low - margin, high + margin))))
    }
}

/// Lowest and highest value, made wider if they are one.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match low <= high {
        false => None,
        true if low < high => Some((low, high)),
        true => Some((low - 0.5 * low.abs().max(1.0), high + 0.5 * high.abs().max(1.0))),
    }
}

/// Decimal places that tell some ten marks within a range apart.
fn digits(range: f64) -> usize {
    (1.0 - range.log10()).ceil().clamp(0.0, 9.0) as usize
}

/// A count that begins with 1, 2 or 5 and goes on with zeros; nothing for others, whose labels would overlap.
fn round_count(x: f64) -> String {
    let count = thousands(x.round() as usize);
    let digits = count.replace(',', "");
    let is_round = matches!(digits.trim_end_matches('0'), "1" | "2" | "5");
    if is_round { count } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_do_not_fit_into_a_row_stand_in_the_next() {
        let curve = |n: usize| Curve::new(&"a long name of a model"[..n], &[(0.0, 1.0)]);
        let plot = |n: usize, n_curves: usize| CurvePlot {
            title: String::new(),
            x_label: String::new(),
            x_axis: XAxis::Linear,
            y_label: String::new(),
            y_range: None,
            curves: vec![curve(n); n_curves],
            references: vec![("paper".to_owned(), 1.0)],
        };
        assert_eq!(plot(6, 5).legend().1, 1);
        let (places, n_rows) = plot(22, 5).legend();
        assert_eq!((places.len(), n_rows, places[0]), (6, 2, (MARGIN, 48)));
        let wide = 28 + text_width("a long name of a model");
        assert!(places[..5].iter().all(|(x, _)| x + wide <= SIZE.0 as i32));
    }
}
