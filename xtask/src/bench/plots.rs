//! Figures of two panels, as SVG that is readable on light and on dark pages: costs on logarithmic axes, progress on
//! linear ones.

use std::fmt::Write;

use super::{measurement::Spread, table::plain};

/// Two panels side by side.
pub(crate) struct Figure {
    pub(crate) title: &'static str,
    pub(crate) panels: [Panel; 2],
}

/// A line through points with their intervals.
pub(crate) struct Panel {
    pub(crate) x_label: &'static str,
    pub(crate) y_label: &'static str,
    pub(crate) scale: Scale,
    /// Place and value, places ascending; on logarithmic axes all positive.
    pub(crate) points: Vec<(f64, Spread)>,
}

/// How both axes of a panel run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// Equal ratios are equal distances; every place has its mark.
    Logarithmic,
    /// Equal differences are equal distances; round places have marks.
    Linear,
}

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 320.0;
/// The plotted area inside a panel: left, top, right, bottom.
const AREA: [f64; 4] = [62.0, 64.0, 362.0, 266.0];
/// Colors for light pages and, where the reader prefers them, for dark ones.
const STYLE: &str = "\
text{font:13px sans-serif;fill:#1f2328}.title{font-weight:bold;font-size:16px}.ground{fill:#ffffff}\
.grid{stroke:#1f2328;stroke-opacity:.15}.line{fill:none;stroke:#4477aa;stroke-width:2}.dot{fill:#4477aa}\
.interval{stroke:#4477aa;stroke-width:5;stroke-opacity:.35}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.grid{stroke:#e6edf3;stroke-opacity:.2}\
.line{stroke:#66ccee}.dot{fill:#66ccee}.interval{stroke:#66ccee}}";

impl Figure {
    /// The figure as a file, with a ground of its own.
    pub(crate) fn to_svg(&self) -> String {
        let (width, title) = (2.0 * WIDTH, self.title);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n\
             <text class=\"title\" x=\"16\" y=\"26\">{title}</text>\n"
        );
        for (panel, left) in self.panels.iter().zip([0.0, WIDTH]) {
            let _ = writeln!(svg, "<g transform=\"translate({left} 0)\">");
            panel.draw(&mut svg);
            svg += "</g>\n";
        }
        svg + "</svg>\n"
    }
}

impl Panel {
    fn draw(&self, svg: &mut String) {
        let [left, top, right, bottom] = AREA;
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
        };
        let (x_low, x_high) = ends(&mut self.points.iter().map(|(x, _)| *x));
        let (y_low, y_high) = ends(&mut self.points.iter().flat_map(|(_, y)| [y.low, y.high]));
        let y_marks = self.scale.marks(y_low, y_high);
        let (y_low, y_high) = (y_marks[0], y_marks[y_marks.len() - 1]);
        let (x_low, x_high, x_marks) = match self.scale {
            Scale::Logarithmic => (x_low, x_high, self.points.iter().map(|(x, _)| *x).collect()),
            Scale::Linear => {
                let marks = self.scale.marks(x_low, x_high);
                (marks[0], marks[marks.len() - 1], marks)
            }
        };
        let place = |value, low, high| self.scale.place(value, low, high);
        let x_of = |x: f64| left + (right - left) * (0.03 + 0.94 * place(x, x_low, x_high));
        let y_of = |y: f64| bottom - (bottom - top) * place(y, y_low, y_high);

        let (label_y, middle) = (bottom + 42.0, (left + right) / 2.0);
        let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{}</text>", top - 14.0, self.y_label);
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{label_y}\" text-anchor=\"middle\">{}</text>",
            self.x_label
        );
        for mark in &y_marks {
            let y = y_of(*mark);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.5,
                plain(*mark)
            );
        }
        for mark in x_marks {
            let (x, y) = (x_of(mark), bottom + 20.0);
            let text = plain(mark);
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>");
        }
        let mut path = String::new();
        for (i, (x, y)) in self.points.iter().enumerate() {
            let (x_place, y_place) = (x_of(*x), y_of(y.middle));
            let _ = write!(path, "{}{x_place:.1} {y_place:.1}", if i == 0 { 'M' } else { 'L' });
            let _ = writeln!(
                svg,
                "<path class=\"interval\" d=\"M{x_place:.1} {:.1}V{:.1}\"/>\n\
                 <circle class=\"dot\" cx=\"{x_place:.1}\" cy=\"{y_place:.1}\" r=\"3.5\"/>",
                y_of(y.low),
                y_of(y.high),
            );
        }
        let _ = writeln!(svg, "<path class=\"line\" d=\"{path}\"/>");
    }
}

impl Scale {
    /// Where a value lies between two ends, in [0, 1].
    fn place(self, value: f64, low: f64, high: f64) -> f64 {
        match self {
            Self::Logarithmic => (value / low).ln() / (high / low).ln(),
            Self::Linear => (value - low) / (high - low),
        }
    }

    /// Round numbers around a range, ascending, at least two.
    fn marks(self, low: f64, high: f64) -> Vec<f64> {
        match self {
            Self::Logarithmic => marks(low, high),
            Self::Linear => even_marks(low, high),
        }
    }
}

/// Round numbers at equal distances around a range: of the distances 1, 2, 5, 10, … the smallest that needs few.
fn even_marks(low: f64, high: f64) -> Vec<f64> {
    const MOST: f64 = 6.0;
    // A range without extent gets one.
    let extent = (high - low).max(1e-3 * high.abs()).max(1e-9);
    let power = 10f64.powi((extent / MOST).log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| extent / step <= MOST).unwrap_or(steps[3]);
    let (first, last) = ((low / step).floor(), ((low + extent) / step).ceil());
    // Rounded to the digits of the step, so that 0.3 is written as 0.3.
    let n_marks = (last - first).max(1.0) as usize;
    (0..=n_marks).map(|i| (first + i as f64) / (1.0 / step)).collect()
}

/// Round numbers 1, 2, 5, 10, … around a range, at least a factor of five apart, so that small noise looks small; of
/// many only powers of ten.
fn marks(low: f64, high: f64) -> Vec<f64> {
    const MOST: usize = 8;
    let first = low.log10().floor() as i32 - 1;
    let last = high.log10().ceil() as i32 + 1;
    let round = |steps: &[f64]| -> Vec<f64> {
        let all: Vec<f64> =
            (first..=last).flat_map(|k| steps.iter().map(move |step| step * 10f64.powi(k))).collect();
        let below = all.iter().rposition(|mark| *mark <= low).unwrap_or(0);
        let above =
            all.iter().position(|mark| *mark >= high && *mark >= 4.9 * all[below]).unwrap_or(all.len() - 1);
        all[below..=above].to_vec()
    };
    let fine = round(&[1.0, 2.0, 5.0]);
    if fine.len() <= MOST { fine } else { round(&[1.0]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_enclose_the_range() {
        assert_eq!(marks(3.0, 30.0), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(marks(10.0, 10.1), [10.0, 20.0, 50.0]);
        let wide = marks(0.3, 40_000.0);
        assert!(wide.len() == 7 && wide[0] <= 0.3 && wide[6] >= 40_000.0, "{wide:?}");
    }

    #[test]
    fn even_marks_are_few_and_enclose_the_range() {
        assert_eq!(even_marks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        for (low, high) in [(0.91, 0.968), (1.0, 3.0), (7.0, 7.0), (0.0, 0.0), (-0.3, 412.5)] {
            let marks = even_marks(low, high);
            let (first, last) = (marks[0], marks[marks.len() - 1]);
            assert!(first <= low && last >= high && first < last && marks.len() <= 8, "{marks:?}");
        }
    }

    #[test]
    fn every_point_is_drawn_inside_its_panel() {
        let spread = |x: f64| Spread { middle: x, low: 0.9 * x, high: 1.1 * x };
        let points = || vec![(1.0, spread(3.0)), (128.0, spread(300.0))];
        let panel = |scale| Panel { x_label: "x", y_label: "y", scale, points: points() };
        let panels = [panel(Scale::Logarithmic), panel(Scale::Linear)];
        let svg = Figure { title: "Growth", panels }.to_svg();
        assert_eq!(svg.matches("<circle").count(), 4);
        for number in svg.split("cy=\"").skip(1) {
            let y: f64 = number.split('"').next().unwrap().parse().unwrap();
            assert!((AREA[1]..=AREA[3]).contains(&y), "{svg}");
        }
        assert!(svg.contains("prefers-color-scheme:dark") && svg.ends_with("</svg>\n"));
    }
}
