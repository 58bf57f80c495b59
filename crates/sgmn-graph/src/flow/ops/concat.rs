//! Values side by side.

use super::{Array, Operation, axis_below};

/// One value after the other along an axis. From: any number of values that differ in that axis at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Operation for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let Some(first) = from.first() else { return Err("expected at least one operand, found none".to_owned()) };
        axis_below(self.axis, first.len())?;
        let mut shape = first.to_vec();
        shape[self.axis] = 0;
        for other in from {
            let fits = other.len() == shape.len()
                && (0..shape.len()).all(|axis| axis == self.axis || other[axis] == first[axis]);
            if !fits {
                return Err(format!("expected shapes that differ along axis {} only, found {from:?}", self.axis));
            }
            shape[self.axis] += other[self.axis];
        }
        Ok(shape)
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }

    fn is_trivial(&self, from: &[&[usize]], _shape: &[usize]) -> bool {
        from.len() == 1
    }
}
