//! Axes in another order.

use super::{Array, Operation, operands};

/// Axis `i` of the result is axis `order[i]` of x. From: x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permute {
    /// For each axis of the result the axis of x.
    pub order: Vec<usize>,
}

impl Operation for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..x.len()) {
            return Err(format!("expected an order of {} axes, found {:?}", x.len(), self.order));
        }
        Ok(self.order.iter().map(|axis| x[*axis]).collect())
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }

    fn is_trivial(&self, _from: &[&[usize]], _shape: &[usize]) -> bool {
        self.order.is_sorted()
    }
}
