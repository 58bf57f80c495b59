//! Values side by side.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, axis_below};

/// One value after the other along an axis. From: any number of values that differ in that axis at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let shapes: Vec<&[usize]> = from.iter().map(|array| array.shape()).collect();
        let shape = self.shape(&shapes)?;
        let mut data = Vec::with_capacity(shape.iter().product());
        let rows: Vec<usize> = shapes.iter().map(|shape| shape[self.axis..].iter().product()).collect();
        for outer in 0..shape[..self.axis].iter().product() {
            for (array, row) in from.iter().zip(&rows) {
                data.extend_from_slice(&array.data()[outer * row..(outer + 1) * row]);
            }
        }
        Ok(Array::new(shape, data).expect("the parts fill the shape"))
    }

    fn is_trivial(&self, from: &[&[usize]], _shape: &[usize]) -> bool {
        from.len() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_rows_are_put_side_by_side() {
        let a = Array::new(vec![2, 1], vec![1.0, 2.0]).unwrap();
        let b = Array::new(vec![2, 2], vec![3.0, 4.0, 5.0, 6.0]).unwrap();
        let wide = Concat { axis: 1 }.run(&[&a, &b]).unwrap();
        assert_eq!(wide, Array::new(vec![2, 3], vec![1.0, 3.0, 4.0, 2.0, 5.0, 6.0]).unwrap());
        let high = Concat { axis: 0 }.run(&[&b, &b]).unwrap();
        assert_eq!(high.data(), [3.0, 4.0, 5.0, 6.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(Concat { axis: 0 }.shape(&[]).is_err());
        assert!(Concat { axis: 0 }.shape(&[&[2, 1], &[2, 2]]).is_err());
    }
}
