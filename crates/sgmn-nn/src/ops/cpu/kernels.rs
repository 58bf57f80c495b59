//! Arithmetic on rows that lie one after the other, compiled for the instruction sets found at run time.

use super::{
    adapter::Element,
    simd::{Level, level, vectorized},
};

/// Added to the variance before the root, as PyTorch's LayerNorm does by default.
pub(in crate::ops) const NORM_EPS: f64 = 1e-5;

vectorized! {
    /// `y = a ⊙ b`.
    fn mul<T>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = *a * *b;
        }
    }
}

vectorized! {
    /// `y = a + b`.
    fn add<T>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = *a + *b;
        }
    }
}

vectorized! {
    /// `y += x`.
    fn add_assign<T>(x: &[T], y: &mut [T]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += *x;
        }
    }
}

vectorized! {
    /// `y += factor · x`.
    fn add_scaled<T>(x: &[T], factor: T, y: &mut [T]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += factor * *x;
        }
    }
}

vectorized! {
    /// `y += a ⊙ b`.
    fn add_product<T>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y += *a * *b;
        }
    }
}

vectorized! {
    /// `y += sign(x) ⊙ g`, with 0 for the sign of 0.
    fn add_signed<T>(g: &[T], x: &[T], y: &mut [T]) {
        for ((y, g), x) in y.iter_mut().zip(g).zip(x) {
            let sign = if *x > T::zero() { T::one() } else if *x < T::zero() { -T::one() } else { T::zero() };
            *y += sign * *g;
        }
    }
}

vectorized! {
    /// `y = x + b`.
    fn add_bias<T>(x: &[T], b: &[T], y: &mut [T]) {
        for (x, y) in x.chunks_exact(b.len()).zip(y.chunks_exact_mut(b.len())) {
            for ((y, x), b) in y.iter_mut().zip(x).zip(b) {
                *y = *x + *b;
            }
        }
    }
}

vectorized! {
    /// Adds every row to `sums`.
    fn sum_rows<T>(x: &[T], sums: &mut [T]) {
        for row in x.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += *value;
            }
        }
    }
}

/// Sum in 16 lanes, so that the compiler may use vectors without changing the order of addition.
#[inline(always)]
fn sum_lanes<T: Element>(n: usize, f: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::zero(); 16];
    let whole = n / 16 * 16;
    for start in (0..whole).step_by(16) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    for (lane, i) in (whole..n).enumerate() {
        lanes[lane] += f(i);
    }
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            lanes[i] = lanes[i] + lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Mean and `1 / √(var + ε)` of `sign · x + b`.
#[inline(always)]
fn row_stats<T: Element>(x: &[T], b: &[T], sign: T) -> (T, T) {
    let n = T::from_f64(x.len() as f64);
    let mean = sum_lanes(x.len(), |i| sign * x[i] + b[i]) / n;
    let variance = sum_lanes(x.len(), |i| {
        let d = sign * x[i] + b[i] - mean;
        d * d
    }) / n;
    (mean, T::one() / Element::sqrt(variance + T::from_f64(NORM_EPS)))
}

vectorized! {
    /// Adds `SiLU(LayerNorm(sign · x + b))` to `y`.
    fn norm_silu<T>(x: &[T], packed: &[T], sign: T, y: &mut [T]) {
        let width = packed.len() / 3;
        let (b, gamma, beta) = (&packed[..width], &packed[width..2 * width], &packed[2 * width..]);
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, rstd) = row_stats(x, b, sign);
            for i in 0..width {
                let z = (sign * x[i] + b[i] - mean) * rstd * gamma[i] + beta[i];
                y[i] += z / (T::one() + Element::exp(-z));
            }
        }
    }
}

vectorized! {
    /// Adds the gradients of [`norm_silu`] to `dx` and to `sums`, which is packed as the parameters are.
    fn norm_silu_grad<T>(x: &[T], packed: &[T], sign: T, grad: &[T], dx: &mut [T], sums: &mut [T]) {
        let width = packed.len() / 3;
        let (b, gamma, beta) = (&packed[..width], &packed[width..2 * width], &packed[2 * width..]);
        let (db, rest) = sums.split_at_mut(width);
        let (dgamma, dbeta) = rest.split_at_mut(width);
        let n = T::from_f64(width as f64);
        // Normalized row and gradient of it, kept for the second pass over the row.
        let mut normal = vec![T::zero(); width];
        let mut dnormal = vec![T::zero(); width];
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            let (mean, rstd) = row_stats(x, b, sign);
            for i in 0..width {
                let v = (sign * x[i] + b[i] - mean) * rstd;
                let z = v * gamma[i] + beta[i];
                let s = T::one() / (T::one() + Element::exp(-z));
                let dz = grad[i] * s * (T::one() + z * (T::one() - s));
                dgamma[i] += dz * v;
                dbeta[i] += dz;
                normal[i] = v;
                dnormal[i] = dz * gamma[i];
            }
            let mean_d = sum_lanes(width, |i| dnormal[i]) / n;
            let mean_dv = sum_lanes(width, |i| dnormal[i] * normal[i]) / n;
            for i in 0..width {
                let dh = rstd * (dnormal[i] - mean_d - normal[i] * mean_dv);
                db[i] += dh;
                dx[i] += sign * dh;
            }
        }
    }
}

vectorized! {
    /// Adds `SiLU(sign · x + b)` to `y`.
    fn bias_silu<T>(x: &[T], b: &[T], sign: T, y: &mut [T]) {
        let width = b.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for i in 0..width {
                let z = sign * x[i] + b[i];
                y[i] += z / (T::one() + Element::exp(-z));
            }
        }
    }
}

vectorized! {
    /// Adds the gradients of [`bias_silu`] to `dx` and `db`.
    fn bias_silu_grad<T>(x: &[T], b: &[T], sign: T, grad: &[T], dx: &mut [T], db: &mut [T]) {
        let width = b.len();
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            for i in 0..width {
                let z = sign * x[i] + b[i];
                let s = T::one() / (T::one() + Element::exp(-z));
                let dz = grad[i] * s * (T::one() + z * (T::one() - s));
                db[i] += dz;
                dx[i] += sign * dz;
            }
        }
    }
}

/// What a row is divided by, as a rescaling and a norm of the rescaled row; `None` for a zero row.
#[inline(always)]
fn row_norm<T: Element>(x: &[T], guard: Option<T>) -> Option<(T, T)> {
    if let Some(guard) = guard {
        return Some((T::one(), Element::sqrt(sum_lanes(x.len(), |i| x[i] * x[i])) + guard));
    }
    let largest = x.iter().fold(T::zero(), |largest, x| Element::abs(*x).larger(largest));
    if largest == T::zero() {
        return None;
    }
    Some((largest, Element::sqrt(sum_lanes(x.len(), |i| (x[i] / largest) * (x[i] / largest)))))
}

vectorized! {
    /// `y = x / ‖x‖`; `y` must hold zeros, and keeps them where a row is zero.
    fn unit_norm<T>(x: &[T], width: usize, guard: Option<T>, y: &mut [T]) {
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let Some((scale, norm)) = row_norm(x, guard) else { continue };
            for i in 0..width {
                y[i] = x[i] / scale / norm;
            }
        }
    }
}

vectorized! {
    /// Adds `(g − ŷ (u·g)) / (‖x‖ + guard)` to `dx`, with the result ŷ and the unit vector u along x.
    fn unit_norm_grad<T>(x: &[T], width: usize, guard: Option<T>, grad: &[T], dx: &mut [T]) {
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            let Some((scale, norm)) = row_norm(x, guard) else { continue };
            // ‖x‖ itself, which the guard is not part of.
            let length = norm - guard.unwrap_or(T::zero());
            let along = sum_lanes(width, |i| x[i] / scale * grad[i]);
            // A row that underflows to length zero behind a guard has no direction.
            let along = if length == T::zero() { T::zero() } else { along / length / norm };
            for i in 0..width {
                dx[i] += (grad[i] - x[i] / scale * along) / norm / scale;
            }
        }
    }
}
