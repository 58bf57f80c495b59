//! Inverse, Cholesky factor, and singular vectors.

use super::identity;

/// The inverse of a matrix of n rows, by elimination with pivots; None if it is singular to rounding.
pub(in super::super) fn inverse(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut a = a.to_vec();
    let mut inverse = identity(n);
    let largest = a.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[i * n + column].abs().total_cmp(&a[j * n + column].abs()))?;
        let is_regular = a[pivot * n + column].abs() > largest * f64::EPSILON;
        if !is_regular {
            return None;
        }
        for of in [&mut a, &mut inverse] {
            if pivot != column {
                let (above, below) = of.split_at_mut(pivot * n);
                above[column * n..][..n].swap_with_slice(&mut below[..n]);
            }
        }
        let by = a[column * n + column].recip();
        for of in [&mut a, &mut inverse] {
            of[column * n..][..n].iter_mut().for_each(|value| *value *= by);
        }
        for row in (0..n).filter(|row| *row != column) {
            let by = a[row * n + column];
            if by != 0.0 {
                subtract_row(&mut a, n, row, column, by);
                subtract_row(&mut inverse, n, row, column, by);
            }
        }
    }
    Some(inverse)
}

fn subtract_row(a: &mut [f64], n: usize, row: usize, of: usize, by: f64) {
    let (first, last) = (row.min(of), row.max(of));
    let (above, below) = a.split_at_mut(last * n);
    let (above, below) = (&mut above[first * n..][..n], &mut below[..n]);
    let (to, from) = if row < of { (above, below) } else { (below, above) };
    to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to -= by * from);
}

/// The lower triangular L with `L Lᵀ = g` of n rows; None if g is not positive definite to rounding.
pub(in super::super) fn cholesky(g: &[f64], n: usize) -> Option<Vec<f64>> {
    let largest = (0..n).fold(0.0, |most: f64, i| most.max(g[i * n + i]));
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let (above, row) = l.split_at(i * n);
            let other = if i == j { row } else { &above[j * n..] };
            let dot: f64 = row[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum();
            let rest = g[i * n + j] - dot;
            l[i * n + j] = if i > j {
                rest / l[j * n + j]
            } else if rest > largest * f64::EPSILON * n as f64 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(l)
}

/// The inverse of a lower triangular matrix of n rows with nothing 0 on its diagonal.
pub(in super::super) fn lower_inverse(l: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for i in 0..n {
        let (above, row) = inverse.split_at_mut(i * n);
        for j in 0..i {
            let by = l[i * n + j];
            row[..=j].iter_mut().zip(&above[j * n..][..=j]).for_each(|(to, from)| *to -= by * from);
        }
        row[i] = 1.0;
        let by = l[i * n + i].recip();
        row[..=i].iter_mut().for_each(|value| *value *= by);
    }
    inverse
}

/// Sweeps over all pairs at most; a dozen is more than any matrix was seen to need.
const MOST_SWEEPS: usize = 40;

/// `Uᵀ` and the singular values, falling, of `a = U Σ Vᵀ` of n rows: pairs of rows are turned until all are
/// orthogonal (one-sided Jacobi), which finds small values and their vectors as precisely as large ones.
pub(in crate::flow) fn left_singular(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let columns = a.len() / n.max(1);
    let mut rows: Vec<Vec<f64>> = a.chunks(columns.max(1)).map(<[f64]>::to_vec).collect();
    let mut turns: Vec<Vec<f64>> = identity(n).chunks(n.max(1)).map(<[f64]>::to_vec).collect();
    for _ in 0..MOST_SWEEPS {
        let mut turned = false;
        for j in 1..n {
            for i in 0..j {
                let (p, q, r) = (dot(&rows[i], &rows[i]), dot(&rows[j], &rows[j]), dot(&rows[i], &rows[j]));
                if r.abs() <= f64::EPSILON * (p * q).sqrt() || r == 0.0 {
                    continue;
                }
                turned = true;
                let ratio = (q - p) / (2.0 * r);
                let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                for of in [&mut rows, &mut turns] {
                    let (above, below) = of.split_at_mut(j);
                    turn(&mut above[i], &mut below[0], cosine, cosine * tangent);
                }
            }
        }
        if !turned {
            break;
        }
    }
    let values: Vec<f64> = rows.iter().map(|row| dot(row, row).sqrt()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| values[*j].total_cmp(&values[*i]));
    (
        order.iter().flat_map(|i| turns[*i].iter().copied()).collect(),
        order.iter().map(|i| values[*i]).collect(),
    )
}

/// The upper triangle R of `rows = Q R`, n rows of n numbers, by reflections.
pub(in crate::flow) fn triangle(rows: &[Vec<f64>], n: usize) -> Vec<f64> {
    // By columns: reflections then run along memory.
    let m = rows.len().max(n);
    let mut columns = vec![vec![0.0; m]; n];
    for (i, row) in rows.iter().enumerate() {
        row.iter().enumerate().for_each(|(j, x)| columns[j][i] = *x);
    }
    for k in 0..n {
        let mut v = columns[k][k..].to_vec();
        let length = dot(&v, &v).sqrt();
        if length == 0.0 {
            continue;
        }
        v[0] += length.copysign(v[0]);
        let square = dot(&v, &v);
        for column in &mut columns[k..] {
            let by = 2.0 * dot(&column[k..], &v) / square;
            column[k..].iter_mut().zip(&v).for_each(|(x, v)| *x -= by * v);
        }
        columns[k][k + 1..].iter_mut().for_each(|x| *x = 0.0);
    }
    (0..n * n).map(|at| columns[at % n][at / n]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Turns two rows: `(c a − s b, s a + c b)`.
pub(super) fn turn(a: &mut [f64], b: &mut [f64], cosine: f64, sine: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}
