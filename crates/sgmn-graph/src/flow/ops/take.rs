//! Places of an axis by a fixed list.

use super::{Array, Operation, axis_below, operands};

/// `out[.., i, ..] = x[.., index[i], ..]` along an axis. From: x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// The axis.
    pub axis: usize,
    /// For each place of the result the place of x.
    pub index: Vec<usize>,
}

impl Operation for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        axis_below(self.axis, x.len())?;
        if let Some(beyond) = self.index.iter().find(|place| **place >= x[self.axis]) {
            return Err(format!("expected places below {}, found {beyond}", x[self.axis]));
        }
        let mut shape = x.to_vec();
        shape[self.axis] = self.index.len();
        Ok(shape)
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }

    fn is_trivial(&self, from: &[&[usize]], _shape: &[usize]) -> bool {
        self.index.len() == from[0][self.axis] && self.index.iter().enumerate().all(|(i, place)| i == *place)
    }
}
