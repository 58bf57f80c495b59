//! Repeats a value along axes of size 1 and along new axes in front.

use super::{Array, Operation, broadcast, operands};

/// x in a larger shape: axes of size 1 are repeated, missing axes added in front. From: x.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }

    fn is_trivial(&self, from: &[&[usize]], shape: &[usize]) -> bool {
        from[0] == shape
    }
}
