//! The canonical point of one block, for each group.

use super::{
    super::{Block, Kind, dense},
    moments::Moments,
};
use crate::tolerance;

/// Singular values closer than this, relative to the largest, are counted as ties: their directions are found to
/// rounding divided by this.
const CLOSE: f64 = 1e-7;
/// Below this many rows singular vectors are found one by one, which is slower and keeps small ones precise.
const SMALL: usize = 256;

impl Moments {
    /// The matrix that leads to the canonical point, and the number of ties.
    pub(super) fn canonical(&self, kind: &Kind) -> (Block, usize) {
        let n = self.n;
        let failed = (Block::identity(n), n);
        match kind {
            Kind::General => match (&self.plain, &self.dual) {
                (Some(plain), Some(dual)) => self.balanced(plain, dual).unwrap_or(failed),
                (Some(one), None) => self.triangular(one).unwrap_or(failed),
                (None, Some(one)) => match self.triangular(one) {
                    // R moves by A⁻ᵀ: what was found for R is that.
                    Some((block, ties)) => {
                        let (matrix, inverse) = (block.inverse(), block.matrix());
                        let (matrix, inverse) = (dense::transposed(matrix, n), dense::transposed(inverse, n));
                        (Block::pair(n, matrix, inverse), ties)
                    }
                    None => failed,
                },
                (None, None) => failed,
            },
            Kind::Orthogonal => self.eigenbasis(self.sum(), &[]),
            Kind::OrthogonalKeepingOnes => {
                // A reflection carries (1, …, 1) to the first unit vector.
                let mut reflection = vec![-(n as f64).sqrt().recip(); n];
                reflection[0] += 1.0;
                let mut sum = self.sum();
                dense::reflect_rows(&mut sum, &reflection);
                dense::reflect_columns(&mut sum, &reflection);
                self.eigenbasis(sum, &reflection)
            }
            Kind::Pairs(pairs) | Kind::UnitPairs(pairs) => {
                self.phases(pairs, matches!(kind, Kind::UnitPairs(_)))
            }
        }
    }

    fn sum(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.n * self.n];
        for gram in self.plain.iter().chain(&self.dual) {
            sum.iter_mut().zip(gram).for_each(|(sum, value)| *sum += value);
        }
        sum
    }

    /// `P Pᵀ = L Lᵀ`, `R Rᵀ = K Kᵀ`, `Lᵀ K = U Σ Vᵀ`: then `A = Σ^½ Uᵀ L⁻¹` makes both Σ.
    fn balanced(&self, plain: &[f64], dual: &[f64]) -> Option<(Block, usize)> {
        let n = self.n;
        let l = dense::cholesky(plain, n)?;
        let k = dense::cholesky(dual, n)?;
        let between = dense::product(&dense::transposed(&l, n), &k, n);
        let (turn, values) = if n <= SMALL {
            dense::left_singular(&between, n)
        } else {
            let (turn, squares) = dense::symmetric_eigen(&dense::gram(&between, n), n);
            (turn, squares.iter().map(|square| square.max(0.0).sqrt()).collect())
        };
        let has_rank = values[n - 1] > values[0] * f64::EPSILON;
        if !has_rank {
            return None;
        }
        let mut matrix = dense::product(&turn, &dense::lower_inverse(&l, n), n);
        let mut inverse = dense::product(&l, &dense::transposed(&turn, n), n);
        let signs = self.signs(&matrix, 0);
        for (i, value) in values.iter().enumerate() {
            let by = value.sqrt() * signs.0[i];
            matrix[i * n..][..n].iter_mut().for_each(|entry| *entry *= by);
            inverse.iter_mut().skip(i).step_by(n).for_each(|entry| *entry /= by);
        }
        Some((Block::pair(n, matrix, inverse), signs.1 + ties(&values)))
    }

    /// Orthonormal rows, triangular in the order of pivots.
    fn triangular(&self, gram: &[f64]) -> Option<(Block, usize)> {
        let n = self.n;
        let l = dense::cholesky(gram, n)?;
        let whitening = dense::lower_inverse(&l, n);
        let white = dense::product(&whitening, &self.columns, n);
        let width = white.len() / n;
        let mut columns = dense::transposed(&white, n);
        let mut basis: Vec<f64> = Vec::with_capacity(n * n);
        let mut repairs = 0;
        for _ in 0..n {
            let squares: Vec<f64> =
                columns.chunks(n).map(|column| column.iter().map(|x| x * x).sum()).collect();
            let pivot = (0..width).max_by(|i, j| squares[*i].total_cmp(&squares[*j]).then(j.cmp(i)))?;
            let has_rank = squares[pivot] > f64::EPSILON;
            if !has_rank {
                return None;
            }
            let near =
                squares.iter().filter(|square| squares[pivot] - **square <= CLOSE * squares[pivot]).count();
            repairs += usize::from(near > 1);
            let length = squares[pivot].sqrt();
            let unit: Vec<f64> = columns[pivot * n..][..n].iter().map(|value| value / length).collect();
            for column in columns.chunks_mut(n) {
                // Twice, for rounding.
                for _ in 0..2 {
                    let dot: f64 = column.iter().zip(&unit).map(|(a, b)| a * b).sum();
                    column.iter_mut().zip(&unit).for_each(|(value, unit)| *value -= dot * unit);
                }
            }
            basis.extend(unit);
        }
        let matrix = dense::product(&basis, &whitening, n);
        let inverse = dense::product(&l, &dense::transposed(&basis, n), n);
        Some((Block::pair(n, matrix, inverse), repairs))
    }

    /// The eigenbasis of a sum of Gram matrices. If there is a reflection, the sum is seen through it, and the first
    /// coordinate there stays.
    fn eigenbasis(&self, sum: Vec<f64>, reflection: &[f64]) -> (Block, usize) {
        let n = self.n;
        let kept = usize::from(!reflection.is_empty());
        let m = n - kept;
        let inner: Vec<f64> = sum.chunks(n).skip(kept).flat_map(|row| row[kept..].iter().copied()).collect();
        let (vectors, values) = dense::symmetric_eigen(&inner, m);
        let mut matrix = dense::identity(n);
        for (row, vector) in matrix.chunks_mut(n).skip(kept).zip(vectors.chunks(m.max(1))) {
            row[kept..].copy_from_slice(vector);
        }
        if kept > 0 {
            dense::reflect_columns(&mut matrix, reflection);
        }
        // Rows of the reflected net, whose first one stays as it is.
        let signs = self.signs(&matrix, kept);
        for (row, sign) in matrix.chunks_mut(n).zip(&signs.0).skip(kept) {
            row.iter_mut().for_each(|value| *value *= sign);
        }
        if kept > 0 {
            dense::reflect_rows(&mut matrix, reflection);
        }
        (Block::orthogonal(n, matrix), signs.1 + ties(&values))
    }

    /// Signs that make the largest number of each row of `matrix` times the columns positive, and ties. The first rows
    /// that are kept have no sign.
    fn signs(&self, matrix: &[f64], kept: usize) -> (Vec<f64>, usize) {
        let rows = dense::product(matrix, &self.columns, self.n);
        let width = (rows.len() / self.n).max(1);
        let largest = |row: &[f64]| row.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        // A row that is small to rounding has no sign.
        let least = largest(&rows) * tolerance::TIE;
        let mut repairs = 0;
        let signs = rows.chunks(width).enumerate().map(|(at, row)| {
            let most = largest(row);
            let mut near = row.iter().filter(|value| value.abs() >= most * (1.0 - tolerance::TIE));
            let first = near.next().copied().unwrap_or(0.0);
            if at < kept {
                return 1.0;
            }
            repairs += usize::from(most <= least || near.any(|value| value.signum() != first.signum()));
            if first < 0.0 { -1.0 } else { 1.0 }
        });
        let signs = signs.collect();
        (signs, repairs)
    }

    /// For each pair the complex number that makes its rows as long in P as in R and its largest number positive.
    fn phases(&self, pairs: &[(usize, usize)], unit: bool) -> (Block, usize) {
        let n = self.n;
        let width = self.columns.len() / n;
        let length = |gram: &Option<Vec<f64>>, i: usize, j: usize| {
            gram.as_ref().map_or(1.0, |gram| (gram[i * n + i] + gram[j * n + j]).sqrt())
        };
        let mut repairs = 0;
        let numbers: Vec<(f64, f64)> = pairs
            .iter()
            .map(|(i, j)| {
                let entries =
                    self.columns[i * width..][..width].iter().zip(&self.columns[j * width..][..width]);
                let entries: Vec<(f64, f64)> = entries.map(|(a, b)| (*a, *b)).collect();
                let most = entries.iter().fold(0.0, |most: f64, (a, b)| most.max(a.hypot(*b)));
                let near = |entry: &&(f64, f64)| entry.0.hypot(entry.1) >= most * (1.0 - tolerance::TIE);
                let (a, b) = *entries.iter().find(near).unwrap_or(&(0.0, 0.0));
                let magnitude = (length(&self.dual, *i, *j) / length(&self.plain, *i, *j)).sqrt();
                if most == 0.0 || !(magnitude.is_finite() && magnitude > 0.0) {
                    repairs += 1;
                    return (1.0, 0.0);
                }
                repairs += usize::from(entries.iter().filter(near).count() > 1);
                let by = if unit { most.recip() } else { magnitude / most };
                (by * a, -by * b)
            })
            .collect();
        (Block::complex(n, pairs, &numbers), repairs)
    }
}

/// How many values lie too close to the one before.
fn ties(values: &[f64]) -> usize {
    let most = values.first().copied().unwrap_or(0.0).abs();
    values.windows(2).filter(|pair| pair[0] - pair[1] <= CLOSE * most).count()
}
