//! The product of two values: a sum over pairs of axes, with other pairs running along.

use super::{Array, Operation, arrays, operands, permute::permuted};

/// `out[batch…, left…, right…] = Σ left[…] · right[…]`: the sum runs over the axes paired in `sum`; axes paired in
/// `batch` run along; all other axes stay, those of the left operand first. From: left, right.
///
/// A linear layer `x Wᵀ` sums over the last axis of x and the last of W; queries times keys have their heads as batch.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let left = permuted(left, &[left_batch, of_left, left_sum.clone()].concat());
        let right = permuted(right, &[right_batch, of_right, right_sum].concat());
        let n_sum: usize = left.shape()[left.shape().len() - left_sum.len()..].iter().product();
        let n_batch: usize = shape[..self.batch.len()].iter().product();
        if n_sum == 0 {
            return Ok(Array::full(shape, 0.0));
        }
        let mut data = Vec::with_capacity(shape.iter().product());
        if n_batch > 0 && !left.data().is_empty() && !right.data().is_empty() {
            let lefts = left.data().chunks(left.data().len() / n_batch);
            for (left, right) in lefts.zip(right.data().chunks(right.data().len() / n_batch)) {
                for row in left.chunks(n_sum) {
                    data.extend(right.chunks(n_sum).map(|other| dot(row, other)));
                }
            }
        }
        Ok(Array::new(shape, data).expect("the products fill the shape"))
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
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
}
