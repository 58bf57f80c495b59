//! A constant around a value.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, operands};
use crate::flow::walk::Walk;

/// x with `value` before and after along each axis. From: x. Other kinds of padding are a [`Take`](super::Take).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// For each axis how many places before and after.
    pub amounts: Vec<(usize, usize)>,
    /// What stands there.
    #[serde(with = "crate::flow::parts::number")]
    pub value: f64,
}

impl Operation for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        if x.len() != self.amounts.len() {
            return Err(format!("expected {} axes, found {x:?}", self.amounts.len()));
        }
        let padded = |(size, (before, after)): (&usize, &(usize, usize))| size.checked_add(*before)?.checked_add(*after);
        let shape: Option<Vec<usize>> = x.iter().zip(&self.amounts).map(padded).collect();
        shape.ok_or_else(|| format!("expected smaller amounts, found {:?}", self.amounts))
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        let mut out = Array::full(self.shape(&[x.shape()])?, self.value);
        let strides = out.strides();
        let start: usize = strides.iter().zip(&self.amounts).map(|(stride, (before, _))| stride * before).sum();
        let numbers = out.data_mut();
        Walk::new(x.shape(), [&x.strides(), &strides]).runs(|[at, to], len, [_, step]| {
            let old = &x.data()[at..at + len];
            // Behind an axis of size 1 that grows, neighbours come to stand apart.
            match step {
                1 => numbers[start + to..start + to + len].copy_from_slice(old),
                _ => numbers[start + to..].iter_mut().step_by(step).zip(old).for_each(|(new, old)| *new = *old),
            }
        });
        Ok(out)
    }

    fn is_trivial(&self, from: &[&[usize]], shape: &[usize]) -> bool {
        from[0] == shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_around() {
        let x = Array::new(vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let out = Pad { amounts: vec![(1, 0), (0, 1)], value: 9.0 }.run(&[&x]).unwrap();
        assert_eq!(out, Array::new(vec![3, 3], vec![9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 3.0, 4.0, 9.0]).unwrap());
        let column = Pad { amounts: vec![(1, 1), (1, 0)], value: 0.0 }.run(&[&Array::full(vec![1, 1], 5.0)]).unwrap();
        assert_eq!(column.data(), [0.0, 0.0, 0.0, 5.0, 0.0, 0.0]);
        let rows = Array::new(vec![2, 1], vec![1.0, 2.0]).unwrap();
        let rows = Pad { amounts: vec![(0, 0), (1, 0)], value: 0.0 }.run(&[&rows]).unwrap();
        assert_eq!(rows.data(), [0.0, 1.0, 0.0, 2.0]);
    }
}
