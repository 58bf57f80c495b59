//! Products of matrices.

use sgmn_graph::flow::Role;

use super::{Call, Family, Lower, Operand, Outcome, Value, wrong};

pub(super) const OPERATORS: Family = &[("Gemm", gemm), ("MatMul", matmul)];

fn matmul(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    for side in [left, right] {
        if lower.rank(side) == 2 {
            lower.tensors.is_param(side.id, Role::Trained);
        }
    }
    Ok(lower.product(left, right)?.into())
}

/// `alpha · A B + beta · C`, A and B transposed or not.
fn gemm(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    if lower.rank(a) != 2 || lower.rank(b) != 2 {
        return wrong(format!("expected two matrices, found {:?} and {:?}", lower.shape(a), lower.shape(b)));
    }
    lower.tensors.is_param(b.id, Role::Trained);
    let of_a = usize::from(!call.flag("transA", false)?);
    let of_b = usize::from(call.flag("transB", false)?);
    let product = lower.contract(a, b, vec![], vec![(of_a, of_b)])?;
    let product = lower.scale(product, call.float_or("alpha", 1.0)?)?;
    let beta = call.float_or("beta", 1.0)?;
    let Some(c) = call.optional(2)? else { return Ok(product.into()) };
    lower.tensors.is_param(c.id, Role::Trained);
    let c = lower.scale(c, beta)?;
    Ok(lower.add(product, c)?.into())
}

impl Lower<'_, '_> {
    /// The product as numpy has it: matrices in the last two axes, axes before them broadcast.
    pub(super) fn product(&mut self, left: Operand, right: Operand) -> Outcome<Operand> {
        let (a, b) = (self.shape(left), self.shape(right));
        let (ra, rb) = (a.len(), b.len());
        if ra == 0 || rb == 0 {
            return wrong(format!("expected matrices, found {a:?} and {b:?}"));
        }
        // The axis of b that is summed over.
        let sum_b = rb.saturating_sub(2);
        if rb <= 2 {
            return self.contract(left, right, vec![], vec![(ra - 1, sum_b)]);
        }
        // Axes of size 1 in front of one side are dropped there: the other side runs along them freely.
        let n_a = ra.saturating_sub(2);
        let n_b = rb - 2;
        let n = n_a.max(n_b);
        let size = |shape: &[usize], own: usize, at: usize| (at + own).checked_sub(n).map(|axis| shape[axis]);
        let mut keep_a = Vec::new();
        let mut keep_b = Vec::new();
        let mut pairs = Vec::new();
        for at in 0..n {
            let (of_a, of_b) = (size(&a, n_a, at), size(&b, n_b, at));
            match (of_a, of_b) {
                (Some(of_a), Some(of_b)) if of_a == of_b => {
                    pairs.push((at, keep_a.len(), keep_b.len()));
                    keep_a.push((at, of_a));
                    keep_b.push((at, of_b));
                }
                (Some(of_a), None | Some(1)) => keep_a.push((at, of_a)),
                (None | Some(1), Some(of_b)) => keep_b.push((at, of_b)),
                _ => return wrong(format!("expected shapes that broadcast, found {a:?} and {b:?}")),
            }
        }
        let sizes = |kept: &[(usize, usize)], tail: &[usize]| {
            kept.iter().map(|(_, size)| *size).chain(tail.iter().copied()).collect::<Vec<_>>()
        };
        let matrix_a = &a[n_a..];
        let left = self.reshape(left, sizes(&keep_a, matrix_a))?;
        let right = self.reshape(right, sizes(&keep_b, &b[n_b..]))?;
        let sum = (keep_a.len() + matrix_a.len() - 1, keep_b.len());
        let batch = pairs.iter().map(|(_, of_a, of_b)| (*of_a, *of_b)).collect();
        let product = self.contract(left, right, batch, vec![sum])?;
        // The result has pairs, then what is left of a, then what is left of b; each by its place in the end.
        let rows = matrix_a.len() - 1;
        let paired = |at: usize| pairs.iter().any(|(pair, ..)| *pair == at);
        let mut places: Vec<usize> = pairs.iter().map(|(at, ..)| *at).collect();
        places.extend(keep_a.iter().map(|(at, _)| *at).filter(|at| !paired(*at)));
        places.extend((0..rows).map(|row| n + row));
        places.extend(keep_b.iter().map(|(at, _)| *at).filter(|at| !paired(*at)));
        places.push(n + rows);
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|axis| places[*axis]);
        self.permute(product, order)
    }
}
