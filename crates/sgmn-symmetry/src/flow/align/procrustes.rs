//! The matrix that carries one block nearest to another: orthogonal Procrustes, and what it becomes in smaller groups.
//!
//! At their canonical points two nets have the lengths of their matrices in common; what is left to choose is orthogonal, and
//! the best choice depends on `M = Σ w A Bᵀ` alone: of all orthogonal Q, `⟨Q, M⟩` is largest for the polar factor of M.

use super::{
    super::matrices::{Block, Kind, Matrix, Side, dense, diagonal, numbers_of_gains, unfolded},
    now::Now,
};
use crate::Result;

/// The best matrix for each block of a space, and whether there is one; `net` holds the numbers of gains.
pub(super) fn blocks(space: usize, now: &Now<'_>) -> Result<Option<Vec<Block>>> {
    let matrix = &now.fixed.matrices[space];
    let raw = now.raw();
    let gains = numbers_of_gains(&now.fixed.flow, std::slice::from_ref(matrix), &raw)?;
    let n = matrix.n;
    let mut sums = vec![vec![0.0; n * n]; matrix.blocks];
    for holder in &matrix.holders {
        let shape = now.fixed.flow.param_shape(holder.param);
        let mut x = unfolded(&now.fixed.stays(holder.param), shape, holder);
        let mut y = unfolded(&now.moved(holder.param), shape, holder);
        let width = (x.len() / n).max(1);
        for (at, by) in diagonal(holder, &gains).into_iter().enumerate() {
            // D Q D⁻¹ acts here: ⟨A, D Q D⁻¹ B⟩ = ⟨D A, Q D⁻¹ B⟩.
            x[at * width..][..width].iter_mut().for_each(|value| *value *= by);
            y[at * width..][..width].iter_mut().for_each(|value| *value /= by);
        }
        let product = dense::outer(&x, &y, n);
        let weight = now.fixed.weights[holder.param];
        sums[holder.block].iter_mut().zip(product).for_each(|(sum, value)| *sum += weight * value);
        debug_assert!(
            matches!(holder.side, Side::Plain | Side::Dual),
            "orthogonal ones are the same on both sides"
        );
    }
    Ok(sums.iter().map(|sum| nearest(sum, n, &matrix.kind)).collect())
}

/// What a block gains with its best matrix.
pub(super) fn gain(sum: &[f64], matrix: &Matrix) -> f64 {
    let n = matrix.n;
    match &matrix.kind {
        Kind::General | Kind::Orthogonal | Kind::OrthogonalKeepingOnes => {
            let (_, squares) = dense::symmetric_eigen(&dense::gram(sum, n), n);
            squares.iter().map(|square| square.max(0.0).sqrt()).sum()
        }
        Kind::Pairs(pairs) | Kind::UnitPairs(pairs) => pairs
            .iter()
            .map(|pair| {
                let (a, b) = complex(sum, n, *pair);
                a.hypot(b)
            })
            .sum(),
    }
}

/// The best matrix of a group for one block; absent if none is found.
fn nearest(sum: &[f64], n: usize, kind: &Kind) -> Option<Block> {
    match kind {
        Kind::General | Kind::Orthogonal => Some(Block::orthogonal(n, polar(sum, n)?)),
        Kind::OrthogonalKeepingOnes => {
            // A reflection carries (1, …, 1) to the first unit vector, which stays.
            let mut v = vec![-(n as f64).sqrt().recip(); n];
            v[0] += 1.0;
            if n < 2 {
                return None;
            }
            let mut seen = sum.to_vec();
            dense::reflect_rows(&mut seen, &v);
            dense::reflect_columns(&mut seen, &v);
            let inner: Vec<f64> = seen.chunks(n).skip(1).flat_map(|row| row[1..].iter().copied()).collect();
            let best = polar(&inner, n - 1)?;
            let mut matrix = dense::identity(n);
            for (row, best) in matrix.chunks_mut(n).skip(1).zip(best.chunks(n - 1)) {
                row[1..].copy_from_slice(best);
            }
            dense::reflect_rows(&mut matrix, &v);
            dense::reflect_columns(&mut matrix, &v);
            Some(Block::orthogonal(n, matrix))
        }
        Kind::Pairs(pairs) | Kind::UnitPairs(pairs) => {
            let unit = |pair: &(usize, usize)| {
                let (a, b) = complex(sum, n, *pair);
                let size = a.hypot(b);
                if size > 0.0 { (a / size, b / size) } else { (1.0, 0.0) }
            };
            Some(Block::complex(n, pairs, &pairs.iter().map(unit).collect::<Vec<_>>()))
        }
    }
}

/// The sum of a pair as a complex number: `⟨(a, −b; b, a), M⟩` is largest in its direction.
fn complex(sum: &[f64], n: usize, (i, j): (usize, usize)) -> (f64, f64) {
    (sum[i * n + i] + sum[j * n + j], sum[j * n + i] - sum[i * n + j])
}

/// Singular values below this part of the largest decide nothing.
const DECIDES: f64 = 1e-6;
/// Where M leaves directions open, a little of the identity, relative to the largest number, decides them.
const OPEN: f64 = 1e-6;
/// Steps that make rows orthonormal to rounding; each squares what is missing.
const STEPS: usize = 30;

/// The polar factor of a matrix of n rows: the orthogonal matrix nearest to it.
fn polar(m: &[f64], n: usize) -> Option<Vec<f64>> {
    // M = Q S with S² = Mᵀ M.
    let square = |m: &[f64]| dense::symmetric_eigen(&dense::gram(&dense::transposed(m, n), n), n);
    let (mut vectors, mut squares) = square(m);
    let mut m = m.to_vec();
    if squares.last()? < &(DECIDES * DECIDES * squares.first()?) || squares.first()? == &0.0 {
        let size = m.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        m.iter_mut().step_by(n + 1).for_each(|value| *value += size * OPEN);
        (vectors, squares) = square(&m);
    }
    let least = squares.first()? * f64::EPSILON;
    let mut scaled = vectors.clone();
    for (row, square) in scaled.chunks_mut(n).zip(&squares) {
        let by = square.max(least).sqrt().recip();
        row.iter_mut().for_each(|value| *value *= by);
    }
    let mut q = dense::product(&m, &dense::product(&dense::transposed(&vectors, n), &scaled, n), n);
    for _ in 0..STEPS {
        // Q ← Q (3 − Qᵀ Q) / 2.
        let mut rest = dense::gram(&dense::transposed(&q, n), n);
        rest.iter_mut().for_each(|value| *value *= -0.5);
        rest.iter_mut().step_by(n + 1).for_each(|value| *value += 1.5);
        let missing =
            rest.iter().zip(dense::identity(n)).fold(0.0_f64, |most, (r, one)| most.max((r - one).abs()));
        if !missing.is_finite() {
            return None;
        }
        if missing < 1e-14 * (n as f64) {
            return Some(q);
        }
        q = dense::product(&q, &rest, n);
    }
    None
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    #[test]
    fn a_turned_block_is_turned_back() {
        let mut rng = Seed::new(5).rng();
        for (n, kind) in [
            (4, Kind::Orthogonal),
            (5, Kind::OrthogonalKeepingOnes),
            (4, Kind::UnitPairs(vec![(0, 2), (1, 3)])),
        ] {
            let space = Matrix { kind: kind.clone(), n, blocks: 1, holders: Vec::new() };
            let element = super::super::super::matrices::MatrixElement::sample(&[space], Seed::new(9));
            let turn = element.blocks()[0][0].matrix();
            let x: Vec<f64> = (0..n * 9).map(|_| rng.random::<f64>() - 0.5).collect();
            let y = dense::product(turn, &x, n);
            let best = nearest(&dense::outer(&y, &x, n), n, &kind).expect("it has rank");
            let near = best.matrix().iter().zip(turn).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{kind:?}");
        }
    }

    #[test]
    fn directions_that_nothing_decides_stay() {
        let q = polar(&[2.0, 0.0, 0.0, 0.0], 2).expect("the identity decides");
        assert!(q.iter().zip([1.0, 0.0, 0.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{q:?}");
    }
}
