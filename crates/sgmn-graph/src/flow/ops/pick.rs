//! Numbers by computed places along one axis.

use super::{Array, Operation, axis_below, operands};

/// `out[.., i, ..] = x[.., ids[.., i, ..], ..]` along an axis. From: x, ids; other axes have equal sizes. Negative ids
/// count from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// The axis.
    pub axis: usize,
}

impl Operation for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x, ids] = operands(from)?;
        axis_below(self.axis, x.len())?;
        let fits = ids.len() == x.len() && (0..x.len()).all(|axis| axis == self.axis || ids[axis] <= x[axis]);
        if !fits {
            return Err(format!("expected ids that fit into {x:?} but for axis {}, found {ids:?}", self.axis));
        }
        Ok(ids.to_vec())
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
