//! Numbers along an axis as shares of one.

use super::{Array, Operation, axis_below, operands};

/// `e^x / Σ e^x` along an axis, or its logarithm. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
