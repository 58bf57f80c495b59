//! Distributions one above the other: a histogram a row, all over the same horizontal axis.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{SERIES, Svg, TEXT_SIZE, grid_style, text_style, title_style};

/// Pixels; the width is that of the other plots.
const WIDTH: i32 = 760;
const LEFT: i32 = 196;
const RIGHT: i32 = WIDTH - 28;
const TOP: i32 = 44;
const ROW: i32 = 66;
/// The tallest bar of a row; the rest keeps rows apart.
const TALLEST: i32 = 56;
const LINE: i32 = 17;
const BELOW: i32 = 58;

/// Most marks on the axis.
const MOST_TICKS: usize = 9;

/// A plot of distributions.
#[derive(Debug, Clone)]
pub struct DistributionPlot {
    /// What is shown.
    pub title: String,
    /// Quantity and unit along the horizontal axis.
    pub x_label: String,
    /// The horizontal axis.
    pub axis: DistributionAxis,
    /// The distributions, top to bottom; each is drawn as high as every other one.
    pub rows: Vec<DistributionRow>,
    /// What the dashed lines are, if any row has one.
    pub reference: Option<String>,
}

/// The horizontal axis of a plot of distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DistributionAxis {
    /// Positive numbers from the first to the second, powers equally far apart; what lies outside is not drawn.
    Logarithmic(f64, f64),
    /// Shares from 0 to 1.
    Share,
}

/// One distribution.
#[derive(Debug, Clone, Default)]
pub struct DistributionRow {
    /// What it is the distribution of, in lines; three have room.
    pub label: Vec<String>,
    /// Position in the plot's colors.
    pub color: usize,
    /// The histogram, from left to right.
    pub bars: Vec<Bar>,
    /// A distribution to compare with, as points `(x, height)` on a dashed line, in the unit of the bars.
    pub reference: Vec<(f64, f64)>,
    /// A value that stands out, such as the median, as an upright line.
    pub mark: Option<f64>,
}

/// One bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Left end.
    pub low: f64,
    /// Right end.
    pub high: f64,
    /// How much is in it, in any unit.
    pub height: f64,
}

impl DistributionPlot {
    /// Draws the plot.
    ///
    /// # Errors
    /// If there is no row, the axis is empty, or the drawing fails.
    pub fn to_svg(&self) -> Result<Svg> {
        let mut drawing = String::new();
        self.draw(&mut drawing).map_err(|error| anyhow!("plot {:?}: {error}", self.title))?;
        Ok(Svg { title: self.title.clone(), drawing })
    }

    fn draw(&self, drawing: &mut String) -> Result<()> {
        self.axis.validate()?;
        if self.rows.is_empty() {
            return Err(anyhow!("expected at least one row, found none"));
        }
        let n_rows = i32::try_from(self.rows.len())?;
        let top = if self.reference.is_some() { TOP + 22 } else { TOP };
        let bottom = top + ROW * n_rows;
        let root = SVGBackend::with_string(drawing, (WIDTH as u32, u32::try_from(bottom + BELOW)?))
            .into_drawing_area();
        root.draw(&Text::new(self.title.clone(), (16, 14), title_style()))?;
        if let Some(label) = &self.reference {
            let style = text_style(TEXT_SIZE).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&dashed(vec![(16, 48), (44, 48)]))?;
            root.draw(&Text::new(label.clone(), (52, 48), style))?;
        }
        self.draw_axis(&root, top, bottom)?;
        for (row, base) in self.rows.iter().zip((1..).map(|i| top + ROW * i)) {
            self.draw_row(&root, row, base)?;
        }
        root.present()?;
        Ok(())
    }

    /// Grid, numbers and the name of the axis.
    fn draw_axis(&self, root: &DrawingArea<SVGBackend<'_>, Shift>, top: i32, bottom: i32) -> Result<()> {
        let style = text_style(TEXT_SIZE).pos(Pos::new(HPos::Center, VPos::Center));
        for (value, text) in self.axis.ticks() {
            let x = self.axis.place(value);
            root.draw(&PathElement::new([(x, top), (x, bottom)], grid_style()))?;
            root.draw(&Text::new(text, (x, bottom + 14), style.clone()))?;
        }
        root.draw(&Text::new(self.x_label.clone(), ((LEFT + RIGHT) / 2, bottom + 38), style))?;
        Ok(())
    }

    fn draw_row(
        &self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
        row: &DistributionRow,
        base: i32,
    ) -> Result<()> {
        let color = SERIES[row.color % SERIES.len()];
        let heights = row.bars.iter().map(|bar| bar.height).chain(row.reference.iter().map(|point| point.1));
        let tallest = heights.fold(0.0, f64::max);
        let height = |value: f64| {
            let share = if tallest > 0.0 { value / tallest } else { 0.0 };
            base - (share * f64::from(TALLEST)).round() as i32
        };
        for outline in self.outlines(&row.bars, base, height) {
            root.draw(&Polygon::new(outline, color.mix(0.75).filled()))?;
        }
        let points: Vec<(i32, i32)> =
            row.reference.iter().map(|&(x, y)| (self.axis.place(x), height(y))).collect();
        if points.len() > 1 {
            root.draw(&dashed(points))?;
        }
        root.draw(&PathElement::new([(LEFT, base), (RIGHT, base)], BLACK.mix(0.4)))?;
        if let Some(mark) = row.mark {
            let x = self.axis.place(mark);
            root.draw(&PathElement::new([(x, base - TALLEST - 3), (x, base)], BLACK.stroke_width(2)))?;
        }
        let left = Pos::new(HPos::Left, VPos::Center);
        for (i, line) in row.label.iter().enumerate() {
            let ink = BLACK.mix(if i == 0 { 1.0 } else { 0.7 });
            let y = base - TALLEST + 8 + LINE * i as i32;
            let style = text_style(TEXT_SIZE).color(&ink).pos(left);
            root.draw(&Text::new(line.clone(), (16, y), style))?;
        }
        Ok(())
    }

    /// Corners of the bars that hold something; bars that touch are one shape, for between shapes the ground would
    /// shine through.
    fn outlines(&self, bars: &[Bar], base: i32, height: impl Fn(f64) -> i32) -> Vec<Vec<(i32, i32)>> {
        let mut outlines: Vec<Vec<(i32, i32)>> = Vec::new();
        for bar in bars.iter().filter(|bar| bar.height > 0.0) {
            let left = self.axis.place(bar.low);
            // A bar that is there is seen, however low or thin it is.
            let (right, top) = (self.axis.place(bar.high).max(left + 1), height(bar.height).min(base - 1));
            let corners = [(left, top), (right, top), (right, base)];
            match outlines.last_mut() {
                Some(outline) if outline.last() == Some(&(left, base)) => {
                    outline.pop();
                    outline.extend(corners);
                }
                _ => outlines.push([&[(left, base)][..], &corners].concat()),
            }
        }
        outlines
    }
}

fn dashed(points: Vec<(i32, i32)>) -> DashedPathElement<std::vec::IntoIter<(i32, i32)>, u32> {
    DashedPathElement::new(points, 5, 4, BLACK.mix(0.8).stroke_width(1))
}

impl DistributionAxis {
    fn validate(self) -> Result<()> {
        match self {
            Self::Logarithmic(low, high) if !(0.0 < low && low < high && high.is_finite()) => {
                Err(anyhow!("expected an axis from a positive number to a larger one, found {low} to {high}"))
            }
            _ => Ok(()),
        }
    }

    /// Horizontal pixel of a value; what lies outside stands at the end.
    fn place(self, value: f64) -> i32 {
        let share = match self {
            Self::Logarithmic(low, high) => (value.log10() - low.log10()) / (high.log10() - low.log10()),
            // Bars at 0 and 1 need room on both sides.
            Self::Share => (value + SHARE_MARGIN) / (1.0 + 2.0 * SHARE_MARGIN),
        };
        LEFT + (share.clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)).round() as i32
    }

    /// Marks and their texts.
    fn ticks(self) -> Vec<(f64, String)> {
        let (low, high) = match self {
            Self::Share => {
                let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
                return quarters.map(|share| (share, format!("{:.0} %", 100.0 * share))).to_vec();
            }
            Self::Logarithmic(low, high) => (low, high),
        };
        /// Which multiples of a power of ten are marked: the finest that are not too many.
        const STEPS: [&[f64]; 3] =
            [&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 5.0], &[1.0]];
        let decades = || low.log10().floor() as i32..=high.log10().floor() as i32;
        let marks = |steps: &[f64], stride: i32| -> Vec<f64> {
            let decades = decades().filter(|decade| decade.rem_euclid(stride) == 0);
            let values = decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
            values.filter(|value| (low..=high).contains(value)).collect()
        };
        let candidates = STEPS.iter().map(|steps| marks(steps, 1)).chain((2..).map(|n| marks(&[1.0], n)));
        let mut chosen = candidates.into_iter().find(|marks| marks.len() <= MOST_TICKS).unwrap_or_default();
        if chosen.len() < 2 {
            // A range within which there is no round number.
            chosen = vec![low, high];
        }
        chosen.into_iter().map(|value| (value, tick(value))).collect()
    }
}

/// Room left of 0 and right of 1 on an axis of shares.
const SHARE_MARGIN: f64 = 0.06;

/// A number on a logarithmic axis: plain where that is short.
fn tick(value: f64) -> String {
    if !(1e-3..1e4).contains(&value) {
        return format!("{value:.0e}");
    }
    // Three significant digits, without zeros that say nothing.
    let digits = (2.0 - value.log10().floor()).clamp(0.0, 5.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(low: f64, high: f64) -> Vec<String> {
        DistributionAxis::Logarithmic(low, high).ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_are_few_and_round_whatever_the_range() {
        assert_eq!(texts(0.9, 2.5), ["0.9", "1", "1.5", "2"]);
        assert_eq!(texts(0.04, 3.0), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(texts(0.0002, 2000.0), ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(texts(1e-30, 1.0).len(), 8);
        assert_eq!(texts(1.01, 1.02), ["1.01", "1.02"]);
        assert!(texts(5e-324, 1e308).len() <= MOST_TICKS);
    }

    #[test]
    fn powers_are_equally_far_apart_and_shares_too() {
        let log = DistributionAxis::Logarithmic(0.1, 1000.0);
        let places = [0.1, 1.0, 10.0, 100.0, 1000.0].map(|value| log.place(value));
        assert_eq!(places, [196, 330, 464, 598, 732]);
        assert_eq!([0.001, 1e9].map(|value| log.place(value)), [LEFT, RIGHT]);
        let [a, b, c] = [0.0, 0.5, 1.0].map(|value| DistributionAxis::Share.place(value));
        assert!(LEFT < a && b - a == c - b && c < RIGHT);
    }
}
