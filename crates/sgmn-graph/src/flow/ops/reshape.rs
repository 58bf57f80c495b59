//! The same numbers in the same order, with other axes.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, operands};

/// x with other axes; the row-major order of its numbers stays. From: x.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reshape {
    /// The shape of the result.
    pub shape: Vec<usize>,
}

impl Operation for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        if count(x).is_none() || count(x) != count(&self.shape) {
            return Err(format!("expected as many numbers as {x:?} has, found {:?}", self.shape));
        }
        Ok(self.shape.clone())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        self.run_over(from[0].clone(), &[])
    }

    fn run_over(&self, x: Array, _rest: &[&Array]) -> Result<Array, String> {
        Ok(x.reshaped(self.shape.clone()).expect("the count of numbers was checked with the shapes"))
    }

    fn is_trivial(&self, from: &[&[usize]], shape: &[usize]) -> bool {
        from[0] == shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order() {
        let x = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let out = Reshape { shape: vec![3, 1, 2] }.run(&[&x]).unwrap();
        assert_eq!(out, Array::new(vec![3, 1, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        assert!(Reshape { shape: vec![4] }.shape(&[x.shape()]).is_err());
    }
}
