//! Running sums along an axis.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, operands};
use crate::flow::walk::around;

/// `out[i] = Σ_{j ≤ i} x[j]` along an axis. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cumulate {
    /// The axis.
    pub axis: usize,
    /// Without `j = i`.
    pub exclusive: bool,
    /// From the end.
    pub reverse: bool,
}

impl Operation for Cumulate {
    fn name(&self) -> &'static str {
        "cumulate"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        axis_below(self.axis, x.len())?;
        Ok(x.to_vec())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        let mut out = Array::full(x.shape().to_vec(), 0.0);
        let [outer, size, inner] = around(x.shape(), self.axis);
        let numbers = out.data_mut();
        for start in 0..outer * inner {
            let start = start / inner * size * inner + start % inner;
            let mut sum = 0.0;
            for step in 0..size {
                let at = start + inner * if self.reverse { size - 1 - step } else { step };
                let with = sum + x.data()[at];
                numbers[at] = if self.exclusive { sum } else { with };
                sum = with;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_run_forwards_and_backwards_with_and_without_the_own_number() {
        let x = Array::new(vec![3, 2], vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0]).unwrap();
        for (exclusive, reverse, expected) in [
            (false, false, [1.0, 10.0, 3.0, 30.0, 6.0, 60.0]),
            (true, false, [0.0, 0.0, 1.0, 10.0, 3.0, 30.0]),
            (false, true, [6.0, 60.0, 5.0, 50.0, 3.0, 30.0]),
            (true, true, [5.0, 50.0, 3.0, 30.0, 0.0, 0.0]),
        ] {
            assert_eq!(Cumulate { axis: 0, exclusive, reverse }.run(&[&x]).unwrap().data(), expected);
        }
    }
}
