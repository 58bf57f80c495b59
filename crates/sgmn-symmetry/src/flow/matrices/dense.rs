//! Dense linear algebra on row-major slices: what sampling, acting and canonical forms need of it.

mod decompose;
mod eigen;

use sgmn_graph::flow::product::{Matrix, multiply};

pub(super) use decompose::{cholesky, inverse, lower_inverse};
pub(in crate::flow) use decompose::{left_singular, triangle};
pub(in crate::flow) use eigen::symmetric_eigen;

/// The identity of n rows.
pub(in crate::flow) fn identity(n: usize) -> Vec<f64> {
    let mut one = vec![0.0; n * n];
    one.iter_mut().step_by(n + 1).for_each(|value| *value = 1.0);
    one
}

/// The transpose of a matrix of so many rows.
pub(in crate::flow) fn transposed(a: &[f64], rows: usize) -> Vec<f64> {
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
pub(in crate::flow) fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let (rows, columns) = (a.len() / n.max(1), b.len() / n.max(1));
    let mut c = vec![0.0; rows * columns];
    multiply(Matrix::dense(a, rows, n), Matrix::dense(b, n, columns), &mut c, columns);
    c
}

/// `a aᵀ` for a matrix of n rows.
pub(in crate::flow) fn gram(a: &[f64], n: usize) -> Vec<f64> {
    let columns = a.len() / n.max(1);
    let mut c = vec![0.0; n * n];
    let a = Matrix::dense(a, n, columns);
    multiply(a, a.turned(), &mut c, n);
    c
}

/// `a bᵀ` for matrices of n rows.
pub(in crate::flow) fn outer(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let columns = a.len() / n.max(1);
    let mut c = vec![0.0; n * n];
    multiply(Matrix::dense(a, n, columns), Matrix::dense(b, n, columns).turned(), &mut c, n);
    c
}

/// `a ← (1 − 2 v vᵀ / vᵀv) a`: a reflection of the rows.
pub(in crate::flow) fn reflect_rows(a: &mut [f64], v: &[f64]) {
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
pub(in crate::flow) fn reflect_columns(a: &mut [f64], v: &[f64]) {
    let square: f64 = v.iter().map(|value| value * value).sum();
    for row in a.chunks_mut(v.len()) {
        let dot: f64 = row.iter().zip(v).map(|(value, v)| value * v).sum();
        let by = 2.0 * dot / square;
        row.iter_mut().zip(v).for_each(|(value, v)| *value -= by * v);
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    fn random(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = Seed::new(seed).rng();
        (0..n * n).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect()
    }

    fn near(a: &[f64], b: &[f64]) {
        let apart = a.iter().zip(b).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
        assert!(a.len() == b.len() && apart < 1e-12, "{apart:e}");
    }

    #[test]
    fn factors_give_the_matrix_back() {
        for n in [1, 2, 3, 8, 33] {
            let a = random(n, n as u64);
            near(&product(&a, &inverse(&a, n).unwrap(), n), &identity(n));
            let square = gram(&a, n);
            let l = cholesky(&square, n).unwrap();
            near(&gram(&l, n), &square);
            near(&product(&l, &lower_inverse(&l, n), n), &identity(n));
            let (vectors, values) = symmetric_eigen(&square, n);
            near(&gram(&vectors, n), &identity(n));
            let turned = product(&product(&vectors, &square, n), &transposed(&vectors, n), n);
            let diagonal: Vec<f64> =
                (0..n * n).map(|i| if i % (n + 1) == 0 { values[i / n] } else { 0.0 }).collect();
            near(&turned, &diagonal);
            assert!(values.is_sorted_by(|a, b| a >= b));
            let (turn, singular) = left_singular(&a, n);
            near(&gram(&turn, n), &identity(n));
            let squares: Vec<f64> = singular.iter().map(|value| value * value).collect();
            near(&squares, &values);
        }
    }

    #[test]
    fn matrices_without_full_rank_have_no_inverse_and_no_factor() {
        assert_eq!(inverse(&[1.0, 2.0, 2.0, 4.0], 2), None);
        assert_eq!(cholesky(&[1.0, 1.0, 1.0, 1.0], 2), None);
        assert_eq!(inverse(&[0.0; 9], 3), None);
        let (vectors, values) = symmetric_eigen(&[0.0; 9], 3);
        assert_eq!((vectors, values), (identity(3), vec![0.0; 3]));
        let (_, values) = left_singular(&[1.0, 2.0, 2.0, 4.0], 2);
        assert!((values[0] - 5.0).abs() < 1e-12 && values[1].abs() < 1e-12);
    }

    #[test]
    fn reflections_are_their_own_inverse() {
        let v = [1.0, -2.0, 0.5];
        let mut a = identity(3);
        reflect_rows(&mut a, &v);
        reflect_columns(&mut a, &v);
        near(&a, &identity(3));
    }
}
