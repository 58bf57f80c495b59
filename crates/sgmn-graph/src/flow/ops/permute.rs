//! Axes in another order.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, operands};
use crate::flow::walk::Walk;

/// Axis `i` of the result is axis `order[i]` of x. From: x.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    let mut out = Array::full(shape.to_vec(), 0.0);
    let to_strides = out.strides();
    let long = |axis: &usize| shape[*axis] > 1;
    let (last, near) = ((0..shape.len()).rfind(long), (0..shape.len()).find(|axis| long(axis) && strides[*axis] == 1));
    let (from, to) = (x.data(), out.data_mut());
    match (last, near) {
        (Some(last), Some(near)) if near != last => {
            let mut others = shape.to_vec();
            (others[last], others[near]) = (1, 1);
            let (size, step) = ([shape[near], shape[last]], [to_strides[near], strides[last]]);
            Walk::new(&others, [strides, &to_strides]).runs(|[at, put], len, [a, b]| {
                (0..len).for_each(|i| turn(&from[at + i * a..], &mut to[put + i * b..], size, step));
            });
        }
        _ => Walk::new(shape, [strides, &to_strides]).runs(|[at, put], len, [step, _]| match step {
            1 => to[put..put + len].copy_from_slice(&from[at..at + len]),
            _ => to[put..put + len].iter_mut().enumerate().for_each(|(i, to)| *to = from[at + i * step]),
        }),
    }
    out
}

/// Rows become columns: `to[i · step[0] + j] = from[i + j · step[1]]`, tile by tile, so that both sides stay in a cache.
fn turn(from: &[f64], to: &mut [f64], size: [usize; 2], step: [usize; 2]) {
    const TILE: usize = 16;
    for rows in (0..size[0]).step_by(TILE) {
        for columns in (0..size[1]).step_by(TILE) {
            for i in rows..size[0].min(rows + TILE) {
                for j in columns..size[1].min(columns + TILE) {
                    to[i * step[0] + j] = from[i + j * step[1]];
                }
            }
        }
    }
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

    #[test]
    fn many_axes_and_tiles_are_turned_to_their_places() {
        let shape = [3, 20, 2, 35];
        let x = Array::new(shape.to_vec(), (0..4200).map(f64::from).collect()).unwrap();
        for order in [[0, 3, 2, 1], [3, 1, 0, 2], [2, 0, 1, 3], [1, 3, 0, 2]] {
            let out = permuted(&x, &order);
            let (from, to) = (x.strides(), out.strides());
            for place in 0..4200 {
                let at: usize = (0..4).map(|axis| place / to[axis] % out.shape()[axis] * from[order[axis]]).sum();
                assert_eq!(out.data()[place], at as f64, "{order:?}");
            }
        }
    }
}
