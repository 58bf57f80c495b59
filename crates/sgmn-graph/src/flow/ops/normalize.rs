//! The common core of layer, group, instance and RMS normalization, without gains and shifts.

use super::{Array, Operation, axis_below, operands};

/// `(x − m) / √(mean((x − m)²) + ε)`, means over `axes`; m is the mean of x, or 0 if not `centre`. From: x.
///
/// Layer normalization has the axis of units and a centre, RMS normalization no centre, instance normalization the
/// spatial axes, group normalization the channels of a group and the spatial axes, after a reshape.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalize {
    /// The axes over which means are taken, ascending.
    pub axes: Vec<usize>,
    /// Whether the mean is subtracted.
    pub centre: bool,
    /// ε.
    pub epsilon: f64,
}

impl Operation for Normalize {
    fn name(&self) -> &'static str {
        if self.centre { "normalize" } else { "normalize (RMS)" }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        self.axes.iter().try_for_each(|axis| axis_below(*axis, x.len()))?;
        if self.axes.is_empty() || !self.axes.is_sorted_by(|a, b| a < b) || !(self.epsilon >= 0.0) {
            return Err(format!("expected ascending axes and ε of at least 0, found {self:?}"));
        }
        Ok(x.to_vec())
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
