//! The figure of a training: accuracy by epoch, and by time.

use super::results::Epoch;
use crate::bench::{
    measurement::Spread,
    plots::{Figure, Panel, Scale},
};

/// The figure, if there are two epochs at least to draw a line between.
pub(super) fn figure(epochs: &[Epoch]) -> Option<Figure> {
    let known: Vec<_> =
        epochs.iter().filter_map(|epoch| Some((epoch.number, epoch.seconds?, epoch.accuracy?))).collect();
    if known.len() < 2 {
        return None;
    }
    let percent = |share: f64| 100.0 * share;
    let point = |x: f64, y: f64| (x, Spread { middle: percent(y), low: percent(y), high: percent(y) });
    let panel = |x_label, points| Panel { x_label, y_label: "accuracy, %", scale: Scale::Linear, points };
    Some(Figure {
        title: "Accuracy on the validation nets",
        panels: [
            panel("epochs", known.iter().map(|(number, _, y)| point(*number as f64, *y)).collect()),
            panel("seconds of training", known.iter().map(|(_, seconds, y)| point(*seconds, *y)).collect()),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_two_epochs_of_which_all_is_known() {
        let epoch = |number, seconds| Epoch { number, seconds, accuracy: Some(0.9), ..Epoch::default() };
        assert!(figure(&[epoch(1, Some(8.0)), epoch(2, None)]).is_none());
        let svg = figure(&[epoch(1, Some(8.0)), epoch(2, None), epoch(3, Some(24.0))]).unwrap().to_svg();
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(!svg.contains("NaN") && svg.contains("seconds of training"));
    }
}
