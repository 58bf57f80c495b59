//! Dense linear algebra on row-major slices: what sampling, acting and canonical forms need of it.

mod decompose;
mod eigen;

use sgmn_graph::flow::product::{Matrix, multiply};

pub(in crate::flow) use decompose::left_singular;
pub(super) use decompose::{cholesky, inverse, lower_inverse};
pub(super) use eigen::symmetric_eigen;

/// The identity of n rows.
pub(super) fn identity(n: usize) -> Vec<f64> {
    let mut one = vec![0.0; n * n];
    one.iter_mut().step_by(n + 1).for_each(|value| *value = 1.0);
    one
}

/// The transpose of a matrix of so many rows.
pub(super) fn transposed(a: &[f64], rows: usize) -> Vec<f64> {
    let columns = a.len() / rows.max(1);
    let mut turned = vec![0.0; a.len()];
    for (i, row) in a.chunks(columns.max(1)).enumerate() {
        for (j, value) in row.iter().enumerate() {
            turned[j * rows + i] = *value;
        }
    }
    turned
}

/// `a b`, where a has n columns and b has n rows.
pub(super) fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let (rows, columns) = (a.len() / n.max(1), b.len() / n.max(1));
    let mut c = vec![0.0; rows * columns];
    multiply(Matrix::dense(a, rows, n), Matrix::dense(b, n, columns), &mut c, columns);
    c
}

/// `a aᵀ` for a matrix of n rows.
pub(super) fn gram(a: &[f64], n: usize) -> Vec<f64> {
    let columns = a.len() / n.max(1);
    let mut c = vec![0.0; n * n];
    let a = Matrix::dense(a, n, columns);
    multiply(a, a.turned(), &mut c, n);
    c
}

/// `a ← (1 − 2 v vᵀ / vᵀv) a`: a reflection of the rows.
pub(super) fn reflect_rows(a: &mut [f64], v: &[f64]) {
    let columns = a.len() / v.len();
    let square: f64 = v.iter().map(|value| value * value).sum();
    let mut sum = vec![0.0; columns];
    for (row, v) in a.chunks(columns).zip(v) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += v * value);
    }
    for (row, v) in a.chunks_mut(columns).zip(v) {
        let by = 2.0 * v / square;
        row.iter_mut().zip(&sum).for_each(|(value, sum)| *value -= by * sum);
    }
}

/// `a ← a (1 − 2 v vᵀ / vᵀv)`: a reflection of the columns.
pub(super) fn reflect_columns(a: &mut [f64], v: &[f64]) {
    let square: f64 = v.iter().map(|value| value * value).sum();
    for row in a.chunks_mut(v.len()) {
        let dot: f64 = row.iter().zip(v).map(|(value, v)| value * v).sum();
        let by = 2.0 * dot / square;
        row.iter_mut().zip(v).for_each(|(value, v)| *value -= by * v);
    }
}
