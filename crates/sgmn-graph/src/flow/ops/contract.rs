//! The product of two values: a sum over pairs of axes, with other pairs running along.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::{Array, Operation, arrays, operands, permute::permuted};
use crate::flow::{
    product::{Matrix, multiply},
    threads::for_parts,
    walk::Walk,
};

/// `out[batch…, left…, right…] = Σ left[…] · right[…]`: the sum runs over the axes paired in `sum`; axes paired in
/// `batch` run along; all other axes stay, those of the left operand first. From: left, right.
///
/// A linear layer `x Wᵀ` sums over the last axis of x and the last of W; queries times keys have their heads as batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Pairs of an axis of the left and one of the right operand that run along, in the order of the result.
    pub batch: Vec<(usize, usize)>,
    /// Pairs of an axis of the left and one of the right operand that are summed over.
    pub sum: Vec<(usize, usize)>,
}

impl Contract {
    /// The axes of the left operand that stay, and those of the right one, in the order of the result.
    pub fn free(&self, left: usize, right: usize) -> (Vec<usize>, Vec<usize>) {
        let used = || self.batch.iter().chain(&self.sum);
        let of_left = (0..left).filter(|axis| used().all(|pair| pair.0 != *axis)).collect();
        let of_right = (0..right).filter(|axis| used().all(|pair| pair.1 != *axis)).collect();
        (of_left, of_right)
    }
}

impl Operation for Contract {
    fn name(&self) -> &'static str {
        "contract"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [left, right] = operands(from)?;
        let mut seen = (vec![false; left.len()], vec![false; right.len()]);
        for (a, b) in self.batch.iter().chain(&self.sum) {
            if *a >= left.len() || *b >= right.len() || left[*a] != right[*b] {
                return Err(format!("expected axes {a} and {b} of one size, found {left:?} and {right:?}"));
            }
            if std::mem::replace(&mut seen.0[*a], true) || std::mem::replace(&mut seen.1[*b], true) {
                return Err(format!("expected each axis once, found axes {a} and {b} again"));
            }
        }
        let (of_left, of_right) = self.free(left.len(), right.len());
        let batch = self.batch.iter().map(|(axis, _)| left[*axis]);
        Ok(batch.chain(of_left.iter().map(|axis| left[*axis])).chain(of_right.iter().map(|axis| right[*axis])).collect())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [left, right] = arrays(from);
        let shape = self.shape(&[left.shape(), right.shape()])?;
        let (of_left, of_right) = self.free(left.shape().len(), right.shape().len());
        let (left_batch, right_batch): (Vec<_>, Vec<_>) = self.batch.iter().copied().unzip();
        let (left_sum, right_sum): (Vec<_>, Vec<_>) = self.sum.iter().copied().unzip();
        let left = Operand::new(left, &left_batch, &of_left, &left_sum);
        let right = Operand::new(right, &right_batch, &of_right, &right_sum);
        let mut out = Array::full(shape, 0.0);
        let each = left.rows * right.rows;
        if each > 0 && left.sums > 0 {
            let starts = starts(&out.shape()[..self.batch.len()], &left.batch, &right.batch);
            let work = starts.len() * each * left.sums;
            for_parts(out.data_mut(), each, work, |i, out| {
                let [at_left, at_right] = starts[i];
                multiply(left.matrix(at_left), right.matrix(at_right).turned(), out, right.rows);
            });
        }
        Ok(out)
    }
}

/// An operand as matrices of `rows × sums`, one for each place of the batch; its strides along the batch.
struct Operand<'a> {
    data: Cow<'a, [f64]>,
    batch: Vec<usize>,
    rows: usize,
    sums: usize,
    down: usize,
    right: usize,
}

impl<'a> Operand<'a> {
    /// Reads the array where it lies if its free axes lie like one axis, and those of the sum too; else from a copy.
    fn new(array: &'a Array, batch: &[usize], free: &[usize], sum: &[usize]) -> Self {
        let size = |axes: &[usize]| axes.iter().map(|axis| array.shape()[*axis]).product::<usize>();
        let (rows, sums) = (size(free), size(sum));
        if let (Some(down), Some(right)) = (as_one(array, free), as_one(array, sum)) {
            let strides = array.strides();
            let batch = batch.iter().map(|axis| strides[*axis]).collect();
            return Self { data: Cow::Borrowed(array.data()), batch, rows, sums, down, right };
        }
        let turned = permuted(array, &[batch, free, sum].concat());
        let mut strides = turned.strides();
        strides.truncate(batch.len());
        Self { data: Cow::Owned(turned.into_data()), batch: strides, rows, sums, down: sums, right: 1 }
    }

    fn matrix(&self, start: usize) -> Matrix<'_> {
        let Self { rows, sums, down, right, .. } = *self;
        Matrix { data: &self.data[start..], rows, columns: sums, down, right }
    }
}

/// The stride with which some axes can be gone through, in this order, as if they were one.
fn as_one(array: &Array, axes: &[usize]) -> Option<usize> {
    let strides = array.strides();
    let mut axes = axes.iter().rev().filter(|axis| array.shape()[**axis] != 1);
    let Some(last) = axes.next() else { return Some(1) };
    let mut next = strides[*last] * array.shape()[*last];
    for axis in axes {
        if strides[*axis] != next {
            return None;
        }
        next *= array.shape()[*axis];
    }
    Some(strides[*last])
}

/// Where the matrices of both operands begin, for each place of the batch.
fn starts(batch: &[usize], left: &[usize], right: &[usize]) -> Vec<[usize; 2]> {
    let mut starts = Vec::with_capacity(batch.iter().product());
    Walk::new(batch, [left, right]).runs(|[a, b], len, [p, q]| {
        starts.extend((0..len).map(|i| [a + i * p, b + i * q]));
    });
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize], data: &[f64]) -> Array {
        Array::new(shape.to_vec(), data.to_vec()).unwrap()
    }

    #[test]
    fn a_linear_layer_sums_over_the_last_axes() {
        let x = array(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let w = array(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, -1.0]);
        let y = Contract { batch: vec![], sum: vec![(1, 1)] }.run(&[&x, &w]).unwrap();
        assert_eq!(y, array(&[2, 3], &[1.0, 2.0, -1.0, 3.0, 4.0, -1.0]));
        // The same with the weight the other way round.
        let turned = array(&[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, -1.0]);
        assert_eq!(Contract { batch: vec![], sum: vec![(1, 0)] }.run(&[&x, &turned]).unwrap(), y);
    }

    #[test]
    fn heads_run_along() {
        // q, k: [tokens 2, heads 2, channels 1].
        let q = array(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
        let k = array(&[2, 2, 1], &[5.0, 6.0, 7.0, 8.0]);
        let scores = Contract { batch: vec![(1, 1)], sum: vec![(2, 2)] }.run(&[&q, &k]).unwrap();
        assert_eq!(scores, array(&[2, 2, 2], &[5.0, 7.0, 15.0, 21.0, 12.0, 16.0, 24.0, 32.0]));
    }

    #[test]
    fn without_sums_it_is_the_outer_product_and_a_sum_over_nothing_is_zero() {
        let a = array(&[2], &[1.0, 2.0]);
        let b = array(&[3], &[1.0, 10.0, 100.0]);
        let outer = Contract { batch: vec![], sum: vec![] }.run(&[&a, &b]).unwrap();
        assert_eq!(outer, array(&[2, 3], &[1.0, 10.0, 100.0, 2.0, 20.0, 200.0]));
        let nothing = Contract { batch: vec![], sum: vec![(1, 1)] }.run(&[&array(&[2, 0], &[]), &array(&[1, 0], &[])]);
        assert_eq!(nothing.unwrap(), array(&[2, 1], &[0.0, 0.0]));
    }

    #[test]
    fn several_axes_are_summed_in_the_order_of_the_pairs() {
        let x = array(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let y = array(&[2, 2], &[1.0, 10.0, 100.0, 1000.0]);
        let turned = Contract { batch: vec![], sum: vec![(0, 1), (1, 0)] }.run(&[&x, &y]).unwrap();
        assert_eq!(turned, array(&[], &[1.0 + 200.0 + 30.0 + 4000.0]));
    }

    #[test]
    fn any_order_of_axes_gives_the_same_products() {
        let numbers = |shape: &[usize]| {
            let n = shape.iter().product();
            array(shape, &(0..n).map(|i| ((i * 7 + 3) % 11) as f64 - 5.0).collect::<Vec<_>>())
        };
        let (x, y) = (numbers(&[2, 3, 4, 5]), numbers(&[4, 6, 2, 5]));
        // x[b, m, i, j] · y[i, n, b, j]; then with the axes of y in another order, so that no copy or another is made.
        let plain = Contract { batch: vec![(0, 2)], sum: vec![(2, 0), (3, 3)] }.run(&[&x, &y]).unwrap();
        assert_eq!(plain.shape(), [2, 3, 6]);
        let expected: f64 =
            (0..20).map(|ij| x.data()[(3 + 2) * 20 + ij] * y.data()[(ij / 5 * 6 + 4) * 10 + 5 + ij % 5]).sum();
        assert_eq!(plain.data()[(3 + 2) * 6 + 4], expected, "the place [1, 2, 4]");
        let turned = permuted(&y, &[3, 2, 1, 0]);
        let other = Contract { batch: vec![(0, 1)], sum: vec![(2, 3), (3, 0)] }.run(&[&x, &turned]).unwrap();
        assert_eq!(other, plain);
    }
}
