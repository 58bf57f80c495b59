//! Numbers along an axis as shares of one.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, operands};
use crate::flow::walk::around;

/// `e^x / Σ e^x` along an axis, or its logarithm. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {
    /// The axis.
    pub axis: usize,
    /// Whether the logarithm is taken.
    pub log: bool,
}

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log softmax" } else { "softmax" }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        axis_below(self.axis, x.len())?;
        Ok(x.to_vec())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        self.run_over(x.clone(), &[])
    }

    fn run_over(&self, mut x: Array, _rest: &[&Array]) -> Result<Array, String> {
        let [outer, size, inner] = around(x.shape(), self.axis);
        let numbers = x.data_mut();
        for line in 0..outer * inner {
            let start = line / inner * size * inner + line % inner;
            let places = (0..size).map(|i| start + i * inner);
            let largest = places.clone().fold(f64::NEG_INFINITY, |largest, at| largest.max(numbers[at]));
            if self.log {
                let sum: f64 = places.clone().map(|at| (numbers[at] - largest).exp()).sum();
                places.for_each(|at| numbers[at] = numbers[at] - largest - sum.ln());
                continue;
            }
            let mut sum = 0.0;
            for at in places.clone() {
                numbers[at] = (numbers[at] - largest).exp();
                sum += numbers[at];
            }
            places.for_each(|at| numbers[at] /= sum);
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_along_the_axis() {
        let x = Array::new(vec![2, 2], vec![0.0, 1000.0, 3f64.ln(), 1000.0]).unwrap();
        let out = Softmax { axis: 0, log: false }.run(&[&x]).unwrap();
        for (found, expected) in out.data().iter().zip([0.25, 0.5, 0.75, 0.5]) {
            assert!((found - expected).abs() < 1e-15, "{out:?}");
        }
        let logs = Softmax { axis: 0, log: true }.run(&[&x]).unwrap();
        for (log, share) in logs.data().iter().zip(out.data()) {
            assert!((log.exp() - share).abs() < 1e-15, "{logs:?}");
        }
    }

    #[test]
    fn what_is_masked_has_no_share() {
        let x = Array::new(vec![1, 3], vec![1.0, f64::NEG_INFINITY, 1.0]).unwrap();
        assert_eq!(Softmax { axis: 1, log: false }.run(&[&x]).unwrap().data(), [0.5, 0.0, 0.5]);
    }
}
