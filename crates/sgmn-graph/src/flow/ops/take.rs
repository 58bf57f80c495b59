//! Places of an axis by a fixed list.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, operands};
use crate::flow::walk::around;

/// `out[.., i, ..] = x[.., index[i], ..]` along an axis. From: x.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        Ok(taken(x, self.axis, self.index.iter().copied()))
    }

    fn is_trivial(&self, from: &[&[usize]], _shape: &[usize]) -> bool {
        self.index.len() == from[0][self.axis] && self.index.iter().enumerate().all(|(i, place)| i == *place)
    }
}

/// x at some places of an axis, all of them inside.
pub(super) fn taken(x: &Array, axis: usize, places: impl Iterator<Item = usize>) -> Array {
    let [outer, size, inner] = around(x.shape(), axis);
    let places: Vec<usize> = places.collect();
    let mut data = Vec::with_capacity(outer * places.len() * inner);
    for before in 0..outer {
        for place in &places {
            let at = (before * size + place) * inner;
            data.extend_from_slice(&x.data()[at..at + inner]);
        }
    }
    let mut shape = x.shape().to_vec();
    shape[axis] = places.len();
    Array::new(shape, data).expect("as many rows as places fill the shape")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_may_be_repeated_and_left_out() {
        let x = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let out = Take { axis: 1, index: vec![2, 2, 0, 1] }.run(&[&x]).unwrap();
        assert_eq!(out, Array::new(vec![2, 4], vec![3.0, 3.0, 1.0, 2.0, 6.0, 6.0, 4.0, 5.0]).unwrap());
        assert!(Take { axis: 0, index: vec![2] }.shape(&[x.shape()]).is_err());
    }
}
