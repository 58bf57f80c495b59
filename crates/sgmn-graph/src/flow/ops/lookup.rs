//! Rows of a table by numbers that are computed or given: an embedding.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, operands};
use crate::flow::walk::around;

/// `out[before…, ids…, after…] = table[before…, ids[…], after…]`. From: table, ids. Negative ids count from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
        Ok(rows_shape(table, self.axis, ids))
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [table, ids] = arrays(from);
        let [outer, size, inner] = around(table.shape(), self.axis);
        let places = places_named(ids, size)?;
        let mut data = Vec::with_capacity(outer * places.len() * inner);
        for before in 0..outer {
            for place in &places {
                let at = (before * size + place) * inner;
                data.extend_from_slice(&table.data()[at..at + inner]);
            }
        }
        let shape = rows_shape(table.shape(), self.axis, ids.shape());
        Ok(Array::new(shape, data).expect("a row for each id fills the shape"))
    }
}

/// The shape of what ids find on an axis of a table.
pub(crate) fn rows_shape(table: &[usize], axis: usize, ids: &[usize]) -> Vec<usize> {
    [&table[..axis], ids, &table[axis + 1..]].concat()
}

/// The places that ids name on an axis.
pub(crate) fn places_named(ids: &Array, size: usize) -> Result<Vec<usize>, String> {
    ids.data().iter().map(|id| place(*id, size)).collect()
}

/// The place that an id names on an axis.
pub(super) fn place(id: f64, size: usize) -> Result<usize, String> {
    let from_start = if id < 0.0 { id + size as f64 } else { id };
    if from_start >= 0.0 && from_start < size as f64 && id.fract() == 0.0 {
        Ok(from_start as usize)
    } else {
        Err(format!("expected a whole number from -{size} to below {size}, found {id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_rows_from_the_start_or_the_end() {
        let table = Array::new(vec![3, 2], vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0]).unwrap();
        let ids = Array::new(vec![1, 2], vec![2.0, -3.0]).unwrap();
        let rows = Lookup { axis: 0 }.run(&[&table, &ids]).unwrap();
        assert_eq!(rows, Array::new(vec![1, 2, 2], vec![20.0, 21.0, 0.0, 1.0]).unwrap());
        let columns = Lookup { axis: 1 }.run(&[&table, &Array::scalar(1.0)]).unwrap();
        assert_eq!(columns, Array::new(vec![3], vec![1.0, 11.0, 21.0]).unwrap());
    }

    #[test]
    fn ids_that_name_no_row_are_errors() {
        let table = Array::full(vec![3, 2], 1.0);
        for id in [3.0, -4.0, 0.5, f64::NAN, f64::INFINITY] {
            assert!(Lookup { axis: 0 }.run(&[&table, &Array::scalar(id)]).is_err(), "{id}");
        }
    }
}
