//! Repeats a value along axes of size 1 and along new axes in front.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, broadcast, operands, permute::gathered};
use crate::flow::walk::repeated;

/// x in a larger shape: axes of size 1 are repeated, missing axes added in front. From: x.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expand {
    /// The shape of the result.
    pub shape: Vec<usize>,
}

impl Operation for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        let shape = broadcast(&[x, &self.shape])?;
        if shape != self.shape {
            return Err(format!("expected a shape that {x:?} can be repeated to, found {:?}", self.shape));
        }
        Ok(shape)
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        Ok(gathered(x, &self.shape, &repeated(x.shape(), self.shape.len())))
    }

    fn is_trivial(&self, from: &[&[usize]], shape: &[usize]) -> bool {
        from[0] == shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_one_and_missing_axes_are_repeated() {
        let x = Array::new(vec![2, 1], vec![1.0, 2.0]).unwrap();
        let out = Expand { shape: vec![2, 2, 3] }.run(&[&x]).unwrap();
        assert_eq!(out.data(), [[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]; 2].concat());
        assert!(Expand { shape: vec![1, 3] }.shape(&[&[2, 1]]).is_err(), "nothing becomes smaller");
    }
}
