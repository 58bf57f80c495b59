//! The product of two values: a sum over pairs of axes, with other pairs running along.

use super::{Array, Operation, operands};

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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
