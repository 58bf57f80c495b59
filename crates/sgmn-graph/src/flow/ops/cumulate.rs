//! Running sums along an axis.

use super::{Array, Operation, axis_below, operands};

/// `out[i] = Σ_{j ≤ i} x[j]` along an axis. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
