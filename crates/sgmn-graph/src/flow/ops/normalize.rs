//! The common core of layer, group, instance and RMS normalization, without gains and shifts.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, operands, reduce::{fold, folded_strides}};
use crate::flow::walk::Walk;

/// `(x − m) / √(mean((x − m)²) + ε)`, means over `axes`; m is the mean of x, or 0 if not `centre`. From: x.
///
/// Layer normalization has the axis of units and a centre, RMS normalization no centre, instance normalization the
/// spatial axes, group normalization the channels of a group and the spatial axes, after a reshape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
        if self.axes.is_empty() || !self.axes.is_sorted_by(|a, b| a < b) || self.epsilon < 0.0 || self.epsilon.is_nan() {
            return Err(format!("expected ascending axes and ε of at least 0, found {self:?}"));
        }
        Ok(x.to_vec())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        self.run_over(x.clone(), &[])
    }

    fn run_over(&self, mut x: Array, _rest: &[&Array]) -> Result<Array, String> {
        let count: usize = self.axes.iter().map(|axis| x.shape()[*axis]).product();
        if self.centre {
            let mut means = fold(&x, &self.axes, 0.0, |sum, x| sum + x);
            means.iter_mut().for_each(|sum| *sum /= count as f64);
            spread(&mut x, &self.axes, &means, |x, mean| x - mean);
        }
        let mut factors = fold(&x, &self.axes, 0.0, |sum, x| sum + x * x);
        factors.iter_mut().for_each(|sum| *sum = (*sum / count as f64 + self.epsilon).sqrt());
        spread(&mut x, &self.axes, &factors, |x, root| x / root);
        Ok(x)
    }
}

/// `x = value(x, its number in folded)`, for one number for all numbers along some axes.
fn spread(x: &mut Array, axes: &[usize], folded: &[f64], value: impl Fn(f64, f64) -> f64) {
    let shape = x.shape().to_vec();
    let walk = Walk::new(&shape, [&x.strides(), &folded_strides(&shape, axes)]);
    let numbers = x.data_mut();
    walk.runs(|[at, of], len, [_, step]| {
        for (i, x) in numbers[at..at + len].iter_mut().enumerate() {
            *x = value(*x, folded[of + i * step]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_mean_zero_and_size_one() {
        let x = Array::new(vec![2, 2], vec![1.0, 3.0, 10.0, 2.0]).unwrap();
        let layer = Normalize { axes: vec![1], centre: true, epsilon: 0.0 }.run(&[&x]).unwrap();
        assert_eq!(layer.data(), [-1.0, 1.0, 1.0, -1.0]);
        let column = Normalize { axes: vec![0], centre: true, epsilon: 0.0 }.run(&[&x]).unwrap();
        assert_eq!(column.data(), [-1.0, 1.0, 1.0, -1.0]);
        // Mean of squares (1 + 9) / 2 = 5, and 4 for ε: √9.
        let rms = Normalize { axes: vec![1], centre: false, epsilon: 4.0 }.run(&[&x]).unwrap();
        assert_eq!(rms.data()[..2], [1.0 / 3.0, 1.0]);
    }

    #[test]
    fn several_axes_are_one_group() {
        let x = Array::new(vec![1, 2, 2], vec![1.0, 1.0, 3.0, 3.0]).unwrap();
        let group = Normalize { axes: vec![1, 2], centre: true, epsilon: 0.0 }.run(&[&x]).unwrap();
        assert_eq!(group.data(), [-1.0, -1.0, 1.0, 1.0]);
        assert!(Normalize { axes: vec![], centre: true, epsilon: 0.0 }.shape(&[&[1]]).is_err());
    }
}
