//! One of two values, number by number.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, broadcast, operands};
use crate::flow::walk::{Walk, repeated};

/// `a` where the condition differs from 0, `b` elsewhere. From: condition, a, b. Shapes broadcast from the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Select;

impl Operation for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let of: [&[usize]; 3] = operands(from)?;
        broadcast(&of)
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [condition, a, b] = arrays(from);
        let shape = broadcast(&[condition.shape(), a.shape(), b.shape()])?;
        let [of_condition, of_a, of_b] = [condition, a, b].map(|array| repeated(array.shape(), shape.len()));
        let mut data = Vec::with_capacity(shape.iter().product());
        Walk::new(&shape, [&of_condition, &of_a, &of_b]).runs(|[i, j, k], len, [p, q, r]| {
            let value = |n| {
                if condition.data()[i + n * p] != 0.0 { a.data()[j + n * q] } else { b.data()[k + n * r] }
            };
            data.extend((0..len).map(value));
        });
        Ok(Array::new(shape, data).expect("a walk visits every place of the shape"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_chooses() {
        let mask = Array::new(vec![2], vec![1.0, 0.0]).unwrap();
        let a = Array::new(vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let out = Select.run(&[&mask, &a, &Array::scalar(f64::NEG_INFINITY)]).unwrap();
        assert_eq!(out.data(), [1.0, f64::NEG_INFINITY, 3.0, f64::NEG_INFINITY]);
    }
}
