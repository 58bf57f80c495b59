//! Figures as SVG: they stay sharp, stand inside a page, and follow its light or dark colors.

mod confusion;
mod curves;
mod distribution;
mod scatter;

use plotters::prelude::RGBColor;
use plotters::style::{BLACK, Color, FontStyle, IntoFont, TextStyle};

pub use confusion::confusion_svg;
pub use curves::{Curve, CurvePlot, XAxis};
pub use distribution::{Bar, DistributionAxis, DistributionPlot, DistributionRow};
pub use scatter::scatter_svg;

/// Colors of series, readable on white and on black, and apart from each other for most color-blind readers.
///
/// # Source
/// Paul Tol, "Colour schemes", scheme "bright", without its gray.
const SERIES: [RGBColor; 6] = [
    RGBColor(0x44, 0x77, 0xaa),
    RGBColor(0xee, 0x66, 0x77),
    RGBColor(0x22, 0x88, 0x33),
    RGBColor(0xaa, 0x33, 0x77),
    RGBColor(0xcc, 0xbb, 0x44),
    RGBColor(0x66, 0xcc, 0xee),
];

const TEXT_SIZE: u32 = 13;
const TITLE_SIZE: u32 = 16;

/// A figure.
///
/// What is drawn in black takes the color of the text around it when the figure stands inside a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg {
    title: String,
    drawing: String,
}

impl Svg {
    /// The figure as a file: on white.
    pub fn to_file(&self) -> String {
        let Some((head, body)) = self.drawing.split_once('>') else { return self.drawing.clone() };
        format!("{head}>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>{body}")
    }

    /// The figure as part of an HTML page: without ground, in the page's text color.
    pub fn to_inline(&self) -> String {
        let title = super::escape::escape(&self.title);
        let drawing =
            self.drawing.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{title}\" "), 1);
        drawing.replace("\"#000000\"", "\"currentColor\"")
    }
}

fn text_style(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&BLACK)
}

fn title_style() -> TextStyle<'static> {
    ("sans-serif", TITLE_SIZE).into_font().style(FontStyle::Bold).color(&BLACK)
}

/// Faint lines behind the data.
fn grid_style() -> plotters::style::ShapeStyle {
    BLACK.mix(0.12).stroke_width(1)
}

/// Guess of the width of a text in pixels; SVG leaves the true width to whoever shows it.
fn text_width(text: &str) -> i32 {
    let width = text.chars().count() as f64 * f64::from(TEXT_SIZE) * 0.56;
    width.ceil() as i32
}
