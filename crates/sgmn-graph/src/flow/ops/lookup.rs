//! Rows of a table by numbers that are computed or given: an embedding.

use super::{Array, Operation, axis_below, operands};

/// `out[before…, ids…, after…] = table[before…, ids[…], after…]`. From: table, ids. Negative ids count from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookup {
    /// The axis of the table that ids name.
    pub axis: usize,
}

impl Operation for Lookup {
    fn name(&self) -> &'static str {
        "lookup"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [table, ids] = operands(from)?;
        axis_below(self.axis, table.len())?;
        Ok([&table[..self.axis], ids, &table[self.axis + 1..]].concat())
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
