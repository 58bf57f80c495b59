//! The confusion matrix as a colored table: right answers in blue, mistakes in red, by share of the true class.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::metrics::Confusion;

use super::{SERIES, Svg, TEXT_SIZE, text_style, text_width, title_style};

/// More classes than this are drawn without numbers, which would not be readable.
const MAX_CLASSES_WITH_NUMBERS: usize = 20;

/// Side of the whole matrix in pixels, as long as its cells are neither too small nor too large.
const MATRIX_SIDE: usize = 460;

const TOP: i32 = 78;
const MARGIN: i32 = 16;

/// Draws a confusion matrix: true classes are rows, predictions columns, numbers are counts.
///
/// # Errors
/// If there is no class, or the drawing fails.
pub fn confusion_svg(title: &str, confusion: &Confusion) -> Result<Svg> {
    let mut drawing = String::new();
    draw(title, confusion, &mut drawing).map_err(|error| anyhow!("plot {title:?}: {error}"))?;
    Ok(Svg { title: title.to_owned(), drawing })
}

fn draw(title: &str, confusion: &Confusion, drawing: &mut String) -> Result<()> {
    let labels = confusion.labels();
    let n_classes = labels.len();
    if n_classes == 0 {
        return Err(anyhow!("expected at least one class, found none"));
    }
    let cell = (MATRIX_SIDE / n_classes).clamp(4, 48) as i32;
    let side = cell * n_classes as i32;
    let left = MARGIN + 24 + labels.iter().map(|label| text_width(label)).max().unwrap_or(0) + 8;
    let width = (left + side + MARGIN).max(MARGIN + text_width(title) * 4 / 3);
    let root =
        SVGBackend::with_string(drawing, (width as u32, (TOP + side + MARGIN) as u32)).into_drawing_area();
    let text = |horizontal, vertical| text_style(TEXT_SIZE).pos(Pos::new(horizontal, vertical));
    root.draw(&Text::new(title.to_owned(), (MARGIN, 14), title_style()))?;
    root.draw(&Text::new("predicted", (left + side / 2, TOP - 34), text(HPos::Center, VPos::Center)))?;
    let upwards = text(HPos::Center, VPos::Center).transform(FontTransform::Rotate270);
    root.draw(&Text::new("true", (MARGIN + 8, TOP + side / 2), upwards))?;

    // Labels that would run into each other are left out.
    let widest = labels.iter().map(|label| text_width(label)).max().unwrap_or(0);
    let column_stride = usize::try_from(widest / cell + 1)?;
    let row_stride = usize::try_from(TEXT_SIZE as i32 / cell + 1)?;
    for (class, label) in labels.iter().enumerate() {
        let middle = cell * class as i32 + cell / 2;
        if class % row_stride == 0 {
            root.draw(&Text::new(label.clone(), (left - 8, TOP + middle), text(HPos::Right, VPos::Center)))?;
        }
        if class % column_stride == 0 {
            root.draw(&Text::new(
                label.clone(),
                (left + middle, TOP - 12),
                text(HPos::Center, VPos::Center),
            ))?;
        }
    }
    for target in 0..n_classes {
        let row = confusion.row(target);
        let n_row = row.iter().sum::<u64>().max(1);
        for (predicted, &count) in row.iter().enumerate() {
            let share = count as f64 / n_row as f64;
            let (x, y) = (left + cell * predicted as i32, TOP + cell * target as i32);
            let color = if target == predicted { SERIES[0] } else { SERIES[1] };
            // The faint ground shows the grid where nothing was counted.
            let opacity = 0.05 + 0.95 * share;
            let gap = if cell > 12 { 1 } else { 0 };
            let corners = [(x + gap, y + gap), (x + cell - gap, y + cell - gap)];
            root.draw(&Rectangle::new(corners, color.mix(opacity).filled()))?;
            if count > 0 && n_classes <= MAX_CLASSES_WITH_NUMBERS {
                let ink = if share > 0.5 { WHITE } else { BLACK };
                let style = text(HPos::Center, VPos::Center).color(&ink);
                root.draw(&Text::new(count.to_string(), (x + cell / 2, y + cell / 2), style))?;
            }
        }
    }
    root.present()?;
    Ok(())
}
