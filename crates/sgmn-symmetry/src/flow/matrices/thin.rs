//! Matrices that differ from the identity by few columns: what random reflections make of a wide stream.

use sgmn_graph::flow::product::{Matrix as Product, multiply};

use super::dense;

/// `1 + U Wᵀ`, where U and W have n rows and k columns each. Acting with it takes 4 k operations a number, not 2 n.
#[derive(Debug, Clone)]
pub(super) struct Thin {
    n: usize,
    k: usize,
    u: Vec<f64>,
    w: Vec<f64>,
}

impl Thin {
    /// The product of reflections `1 − 2 v vᵀ / vᵀv`, the first one rightmost, in the compact form of Bischof and Van Loan:
    /// `(1 − 2 v vᵀ / vᵀv) (1 + U Wᵀ) = 1 + (U, −2 v / vᵀv) (W, v + W Uᵀ v)ᵀ`.
    pub(super) fn of_reflections(n: usize, vectors: &[Vec<f64>]) -> Self {
        let k = vectors.len();
        let (mut u, mut w) = (vec![0.0; n * k], vec![0.0; n * k]);
        for (at, v) in vectors.iter().enumerate() {
            let square: f64 = v.iter().map(|value| value * value).sum();
            let mut along = vec![0.0; at];
            for (row, value) in u.chunks(k).zip(v) {
                along.iter_mut().zip(row).for_each(|(along, u)| *along += value * u);
            }
            for ((u, w), value) in u.chunks_mut(k).zip(w.chunks_mut(k)).zip(v) {
                u[at] = -2.0 * value / square;
                w[at] = value + w.iter().zip(&along).map(|(w, along)| w * along).sum::<f64>();
            }
        }
        Self { n, k, u, w }
    }

    /// Whether acting with it is worth having it beside the whole matrix.
    pub(super) fn is_worth(n: usize, n_reflections: usize) -> bool {
        2 * n_reflections < n
    }

    /// The transpose.
    pub(super) fn turned(&self) -> Self {
        Self { u: self.w.clone(), w: self.u.clone(), ..*self }
    }

    /// The matrix, n rows of n numbers.
    pub(super) fn dense(&self) -> Vec<f64> {
        let mut matrix = vec![0.0; self.n * self.n];
        multiply(self.columns(&self.u), self.columns(&self.w).turned(), &mut matrix, self.n);
        matrix.iter_mut().zip(dense::identity(self.n)).for_each(|(value, one)| *value += one);
        matrix
    }

    /// `D (1 + U Wᵀ) D⁻¹` with a diagonal matrix D.
    pub(super) fn conjugated(&self, diagonal: &[f64]) -> Self {
        let mut new = self.clone();
        for ((u, w), by) in new.u.chunks_mut(self.k).zip(new.w.chunks_mut(self.k)).zip(diagonal) {
            u.iter_mut().for_each(|value| *value *= by);
            w.iter_mut().for_each(|value| *value /= by);
        }
        new
    }

    /// Puts `U Wᵀ x` into `change`, for the columns of x, which has n rows.
    pub(super) fn of_columns(&self, x: Product<'_>, change: &mut [f64]) {
        let mut few = vec![0.0; self.k * x.columns];
        multiply(self.columns(&self.w).turned(), x, &mut few, x.columns);
        multiply(self.columns(&self.u), Product::dense(&few, self.k, x.columns), change, x.columns);
    }

    /// Puts `U Wᵀ x` into `change`, for the rows x of a matrix of n columns.
    pub(super) fn of_rows(&self, rows: Product<'_>, change: &mut [f64]) {
        let mut few = vec![0.0; rows.rows * self.k];
        multiply(rows, self.columns(&self.w), &mut few, self.k);
        multiply(Product::dense(&few, rows.rows, self.k), self.columns(&self.u).turned(), change, self.n);
    }

    fn columns<'a>(&self, data: &'a [f64]) -> Product<'a> {
        Product::dense(data, self.n, self.k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflections_in_compact_form_are_those_one_by_one() {
        let vectors = [vec![1.0, -2.0, 0.5, 3.0, 1.0], vec![0.5, 0.25, -1.0, 2.0, 0.0]];
        let mut expected = dense::identity(5);
        vectors.iter().for_each(|v| dense::reflect_rows(&mut expected, v));
        let thin = Thin::of_reflections(5, &vectors);
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
        assert!(near(&thin.dense(), &expected));
        assert!(near(&thin.turned().dense(), &dense::transposed(&expected, 5)));
        let gains = [1.0, 2.0, -4.0, 0.5, 1.0];
        let conjugated: Vec<f64> = (0..25).map(|at| gains[at / 5] * expected[at] / gains[at % 5]).collect();
        assert!(near(&thin.conjugated(&gains).dense(), &conjugated));
    }

    #[test]
    fn rows_and_columns_change_as_the_whole_matrix_changes_them() {
        let thin = Thin::of_reflections(3, &[vec![1.0, 2.0, -1.0]]);
        let x = [1.0, 0.5, -3.0, 2.0, 4.0, 0.0];
        let (mut columns, mut rows) = ([0.0; 6], [0.0; 6]);
        thin.of_columns(Product::dense(&x, 3, 2), &mut columns);
        thin.of_rows(Product::dense(&x, 3, 2).turned(), &mut rows);
        let expected = dense::product(&thin.dense(), &x, 3);
        for (at, value) in expected.iter().enumerate() {
            assert!((x[at] + columns[at] - value).abs() < 1e-14);
            assert!((columns[at] - rows[at % 2 * 3 + at / 2]).abs() < 1e-14);
        }
    }
}
