//! Axes in another order.

use super::{Array, Operation, arrays, operands};
use crate::flow::walk::Walk;

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

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        Ok(permuted(x, &self.order))
    }

    fn is_trivial(&self, _from: &[&[usize]], _shape: &[usize]) -> bool {
        self.order.is_sorted()
    }
}

/// x with its axes in another order.
pub(crate) fn permuted(x: &Array, order: &[usize]) -> Array {
    let strides = x.strides();
    let shape: Vec<usize> = order.iter().map(|axis| x.shape()[*axis]).collect();
    gathered(x, &shape, &order.iter().map(|axis| strides[*axis]).collect::<Vec<_>>())
}

/// The array of a shape whose numbers stand in x at the given strides.
pub(super) fn gathered(x: &Array, shape: &[usize], strides: &[usize]) -> Array {
    let mut data = Vec::with_capacity(shape.iter().product());
    Walk::new(shape, [strides]).runs(|[at], len, [step]| match step {
        1 => data.extend_from_slice(&x.data()[at..at + len]),
        _ => data.extend((0..len).map(|i| x.data()[at + i * step])),
    });
    Array::new(shape.to_vec(), data).expect("a walk visits every place of the shape")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_turned() {
        let x = Array::new(vec![1, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let out = Permute { order: vec![2, 0, 1] }.run(&[&x]).unwrap();
        assert_eq!(out, Array::new(vec![3, 1, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).unwrap());
        assert!(Permute { order: vec![0, 0, 1] }.shape(&[x.shape()]).is_err());
    }
}
