//! Eigenvectors of symmetric matrices: reflections make three diagonals of it, turns make one.

use super::{decompose::turn, identity};

/// The eigenvectors, as rows, and the eigenvalues, falling, of a symmetric matrix of n rows.
pub(in crate::flow) fn symmetric_eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = a.to_vec();
    let mut vectors = identity(n);
    let (mut diagonal, mut beside) = tridiagonal(&mut a, &mut vectors, n);
    diagonalize(&mut diagonal, &mut beside, &mut vectors, n);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| diagonal[*j].total_cmp(&diagonal[*i]));
    let rows = order.iter().flat_map(|i| vectors[i * n..][..n].iter().copied()).collect();
    (rows, order.iter().map(|i| diagonal[*i]).collect())
}

/// Reflects a symmetric matrix into three diagonals, and the rows of `basis` with it: returns the diagonal, and what
/// stands beside it.
fn tridiagonal(a: &mut [f64], basis: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    for k in 0..n.saturating_sub(2) {
        // v carries column k below the diagonal to a multiple of its first unit vector.
        let mut v: Vec<f64> = (k + 1..n).map(|i| a[i * n + k]).collect();
        let length = v.iter().map(|value| value * value).sum::<f64>().sqrt();
        if v[1..].iter().all(|value| *value == 0.0) || length == 0.0 {
            continue;
        }
        v[0] += if v[0] < 0.0 { -length } else { length };
        let by = 2.0 / v.iter().map(|value| value * value).sum::<f64>();
        // The part below turns into H A H = A − v wᵀ − w vᵀ.
        let first = k + 1;
        let mut w: Vec<f64> = (first..n)
            .map(|i| by * a[i * n + first..][..n - first].iter().zip(&v).map(|(a, v)| a * v).sum::<f64>())
            .collect();
        let half = 0.5 * by * w.iter().zip(&v).map(|(w, v)| w * v).sum::<f64>();
        w.iter_mut().zip(&v).for_each(|(w, v)| *w -= half * v);
        for i in first..n {
            let (vi, wi) = (v[i - first], w[i - first]);
            let row = a[i * n + first..][..n - first].iter_mut();
            row.zip(v.iter().zip(&w)).for_each(|(a, (v, w))| *a -= vi * w + wi * v);
        }
        let dot: f64 = v.iter().enumerate().map(|(i, v)| a[(first + i) * n + k] * v).sum();
        for i in first..n {
            let moved = a[i * n + k] - by * dot * v[i - first];
            (a[i * n + k], a[k * n + i]) = (moved, moved);
        }
        let mut sums = vec![0.0; n];
        for (row, v) in basis[first * n..].chunks(n).zip(&v) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += v * value);
        }
        for (row, v) in basis[first * n..].chunks_mut(n).zip(&v) {
            row.iter_mut().zip(&sums).for_each(|(value, sum)| *value -= by * v * sum);
        }
    }
    let diagonal = (0..n).map(|i| a[i * n + i]).collect();
    let beside = (0..n).map(|i| if i + 1 < n { a[(i + 1) * n + i] } else { 0.0 }).collect();
    (diagonal, beside)
}

/// Turns for one eigenvalue at most; three are usual.
const MOST_TURNS: usize = 200;

/// Turns neighbouring rows until nothing stands beside the diagonal (QL with implicit shifts), and the rows of
/// `vectors` with them.
fn diagonalize(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64], n: usize) {
    for first in 0..n {
        for _ in 0..MOST_TURNS {
            // The part from `first` to the next place at which nothing stands beside the diagonal.
            let small =
                |i: usize| beside[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs());
            let last = (first..n - 1).find(|i| small(*i)).unwrap_or(n - 1);
            if last == first {
                break;
            }
            let ratio = (diagonal[first + 1] - diagonal[first]) / (2.0 * beside[first]);
            let root = ratio.hypot(1.0);
            let shift = diagonal[first] - beside[first] / (ratio + if ratio < 0.0 { -root } else { root });
            let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
            let mut chased = diagonal[last] - shift;
            let mut broke = false;
            for i in (first..last).rev() {
                let (far, near) = (sine * beside[i], cosine * beside[i]);
                let length = far.hypot(chased);
                beside[i + 1] = length;
                if length == 0.0 {
                    // Nothing is left to chase: the part fell apart here.
                    diagonal[i + 1] -= moved;
                    beside[last] = 0.0;
                    broke = true;
                    break;
                }
                (sine, cosine) = (far / length, chased / length);
                let corner = diagonal[i + 1] - moved;
                let across = (diagonal[i] - corner) * sine + 2.0 * cosine * near;
                moved = sine * across;
                diagonal[i + 1] = corner + moved;
                chased = cosine * across - near;
                let (above, below) = vectors.split_at_mut((i + 1) * n);
                turn(&mut above[i * n..], &mut below[..n], cosine, sine);
            }
            if !broke {
                diagonal[first] -= moved;
                beside[first] = chased;
                beside[last] = 0.0;
            }
        }
    }
}
