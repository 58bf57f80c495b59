//! Activation of rows, with and without layer normalization before it.

use super::{Element, LANES, for_each_lane, given, sum};
use crate::ops::cpu::simd::{Level, level, vectorized};

/// Added to the variance before the root, as PyTorch's LayerNorm does by default.
pub(in crate::ops) const NORM_EPS: f64 = 1e-5;

vectorized! {
    /// `y = SiLU(LayerNorm(x + b))`, with `signs` plus `SiLU(LayerNorm(−x + b))`; `packed` is `[b, γ, β]`.
    fn norm_silu<T, FUSED>(x: &[T], packed: &[T], signs: bool, y: &mut [T]) {
        let width = packed.len() / 3;
        let (gamma, beta) = (&packed[width..2 * width], &packed[2 * width..3 * width]);
        let b = centered_bias(&packed[..width]);
        let b = &b[..];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (x_mean, [plus, minus]) = row_stats::<T, FUSED>(x, b, signs);
            if signs {
                for_each_lane!(width, [x, b, gamma, beta], [y], |i| {
                    let h = x[i] - x_mean;
                    let z = ((b[i] + h) * plus).times_plus::<FUSED>(gamma[i], beta[i]);
                    let mirrored = ((b[i] - h) * minus).times_plus::<FUSED>(gamma[i], beta[i]);
                    y[i] = silu::<T, FUSED>(z) + silu::<T, FUSED>(mirrored);
                });
            } else {
                for_each_lane!(width, [x, b, gamma, beta], [y], |i| {
                    let z = ((b[i] + (x[i] - x_mean)) * plus).times_plus::<FUSED>(gamma[i], beta[i]);
                    y[i] = silu::<T, FUSED>(z);
                });
            }
        }
    }
}

vectorized! {
    /// The gradients of [`norm_silu`], and its result once more: `y` is written, `dx` given, and the parameters'
    /// gradients are added to `sums`, which is packed as they are.
    fn norm_silu_grad<T, FUSED>(
        x: &[T], packed: &[T], signs: bool, grad: &[T], first: bool, dx: &mut [T], sums: &mut [T], y: &mut [T],
    ) {
        let width = packed.len() / 3;
        let (gamma, beta) = (&packed[width..2 * width], &packed[2 * width..3 * width]);
        let b = centered_bias(&packed[..width]);
        let b = &b[..];
        let (db, rest) = sums[..3 * width].split_at_mut(width);
        let (dgamma, dbeta) = rest.split_at_mut(width);
        let n = T::from_f64(width as f64);
        // Gradients of the normalized rows of both signs, kept for the second pass over a row.
        let (mut dv_row, mut dw_row) = (vec![T::zero(); width], vec![T::zero(); width]);
        let rows = x.chunks_exact(width).zip(grad.chunks_exact(width));
        for ((x, grad), (dx, y)) in rows.zip(dx.chunks_exact_mut(width).zip(y.chunks_exact_mut(width))) {
            let (x_mean, [plus, minus]) = row_stats::<T, FUSED>(x, b, signs);
            let (dvs, dws) = (&mut dv_row[..], &mut dw_row[..]);
            // Sums of the gradient of a normalized row and of its product with the row.
            let (mut sum_d, mut sum_dv) = ([T::zero(); LANES], [T::zero(); LANES]);
            if !signs {
                for_each_lane!(width, [x, b, gamma, beta, grad], [dvs, dgamma, dbeta, y], |i| {
                    let v = (b[i] + (x[i] - x_mean)) * plus;
                    let (value, slope) = silu_and_slope::<T, FUSED>(v.times_plus::<FUSED>(gamma[i], beta[i]));
                    let dz = grad[i] * slope;
                    let dv = dz * gamma[i];
                    dgamma[i] = dz.times_plus::<FUSED>(v, dgamma[i]);
                    dbeta[i] += dz;
                    sum_d[i] += dv;
                    sum_dv[i] = dv.times_plus::<FUSED>(v, sum_dv[i]);
                    dvs[i] = dv;
                    y[i] = value;
                });
                let (mean_d, mean_dv) = (sum(sum_d) / n, sum(sum_dv) / n);
                let slope = mean_dv * plus;
                for_each_lane!(width, [x, b, dvs], [db, dx], |i| {
                    let h = b[i] + (x[i] - x_mean);
                    let dh = plus * (dvs[i] - mean_d - h * slope);
                    db[i] += dh;
                    dx[i] = given(dx[i], dh, first);
                });
                continue;
            }
            let (mut sum_e, mut sum_ew) = ([T::zero(); LANES], [T::zero(); LANES]);
            for_each_lane!(width, [x, b, gamma, beta, grad], [dvs, dws, dgamma, dbeta, y], |i| {
                let h = x[i] - x_mean;
                let (v, w) = ((b[i] + h) * plus, (b[i] - h) * minus);
                let (value, slope) = silu_and_slope::<T, FUSED>(v.times_plus::<FUSED>(gamma[i], beta[i]));
                let (mirrored, fall) = silu_and_slope::<T, FUSED>(w.times_plus::<FUSED>(gamma[i], beta[i]));
                let (dz, du) = (grad[i] * slope, grad[i] * fall);
                let (dv, dw) = (dz * gamma[i], du * gamma[i]);
                dgamma[i] = du.times_plus::<FUSED>(w, dz.times_plus::<FUSED>(v, dgamma[i]));
                dbeta[i] += dz + du;
                sum_d[i] += dv;
                sum_dv[i] = dv.times_plus::<FUSED>(v, sum_dv[i]);
                sum_e[i] += dw;
                sum_ew[i] = dw.times_plus::<FUSED>(w, sum_ew[i]);
                dvs[i] = dv;
                dws[i] = dw;
                y[i] = value + mirrored;
            });
            let (mean_d, mean_e) = (sum(sum_d) / n, sum(sum_e) / n);
            let (slope, fall) = (sum(sum_dv) / n * plus, sum(sum_ew) / n * minus);
            for_each_lane!(width, [x, b, dvs, dws], [db, dx], |i| {
                let h = x[i] - x_mean;
                let dh = plus * (dvs[i] - mean_d - (b[i] + h) * slope);
                let dk = minus * (dws[i] - mean_e - (b[i] - h) * fall);
                db[i] += dh + dk;
                dx[i] = given(dx[i], dh - dk, first);
            });
        }
    }
}

vectorized! {
    /// `y = SiLU(x + b)`, with `signs` plus `SiLU(−x + b)`.
    fn bias_silu<T, FUSED>(x: &[T], b: &[T], signs: bool, y: &mut [T]) {
        for (x, y) in x.chunks_exact(b.len()).zip(y.chunks_exact_mut(b.len())) {
            if signs {
                for_each_lane!(b.len(), [x, b], [y], |i| {
                    y[i] = silu::<T, FUSED>(b[i] + x[i]) + silu::<T, FUSED>(b[i] - x[i]);
                });
            } else {
                for_each_lane!(b.len(), [x, b], [y], |i| { y[i] = silu::<T, FUSED>(x[i] + b[i]); });
            }
        }
    }
}

vectorized! {
    /// The gradients of [`bias_silu`], and its result once more: `y` is written, `dx` given, `db` added to.
    fn bias_silu_grad<T, FUSED>(
        x: &[T], b: &[T], signs: bool, grad: &[T], first: bool, dx: &mut [T], db: &mut [T], y: &mut [T],
    ) {
        let width = b.len();
        let rows = x.chunks_exact(width).zip(grad.chunks_exact(width));
        for ((x, grad), (dx, y)) in rows.zip(dx.chunks_exact_mut(width).zip(y.chunks_exact_mut(width))) {
            if signs {
                for_each_lane!(width, [x, b, grad], [dx, db, y], |i| {
                    let (value, slope) = silu_and_slope::<T, FUSED>(b[i] + x[i]);
                    let (mirrored, fall) = silu_and_slope::<T, FUSED>(b[i] - x[i]);
                    db[i] = grad[i].times_plus::<FUSED>(slope + fall, db[i]);
                    dx[i] = given(dx[i], grad[i] * (slope - fall), first);
                    y[i] = value + mirrored;
                });
            } else {
                for_each_lane!(width, [x, b, grad], [dx, db, y], |i| {
                    let (value, slope) = silu_and_slope::<T, FUSED>(b[i] + x[i]);
                    let dz = grad[i] * slope;
                    db[i] += dz;
                    dx[i] = given(dx[i], dz, first);
                    y[i] = value;
                });
            }
        }
    }
}

/// `z / (1 + exp(−z))`.
#[inline(always)]
fn silu<T: Element, const FUSED: bool>(z: T) -> T {
    z / (T::one() + Element::exp::<FUSED>(-z))
}

/// [`silu`] and its derivative.
#[inline(always)]
fn silu_and_slope<T: Element, const FUSED: bool>(z: T) -> (T, T) {
    let s = T::one() / (T::one() + Element::exp::<FUSED>(-z));
    let value = z * s;
    // s (1 + z (1 − s)) = s + value (1 − s)
    (value, value.times_plus::<FUSED>(T::one() - s, s))
}

/// A bias minus its mean: normalization removes the mean of `±x + b`, so x and b may be centered each by itself.
fn centered_bias<T: Element>(b: &[T]) -> Vec<T> {
    let mut total = T::zero();
    b.iter().for_each(|b| total += *b);
    let mean = total / T::from_f64(b.len() as f64);
    b.iter().map(|b| *b - mean).collect()
}

/// The mean of x, and `1 / √(var + ε)` of `x + b` and, if asked for, of `−x + b`; b is centered.
#[inline(always)]
fn row_stats<T: Element, const FUSED: bool>(x: &[T], b: &[T], signs: bool) -> (T, [T; 2]) {
    let n = T::from_f64(x.len() as f64);
    let mut lanes = [T::zero(); LANES];
    for_each_lane!(x.len(), [x], [], |i| {
        lanes[i] += x[i];
    });
    let mean = sum(lanes) / n;
    let rstd = |lanes| T::one() / Element::sqrt(sum(lanes) / n + T::from_f64(NORM_EPS));
    let (mut plus, mut minus) = ([T::zero(); LANES], [T::zero(); LANES]);
    if !signs {
        for_each_lane!(x.len(), [x, b], [], |i| {
            let p = b[i] + (x[i] - mean);
            plus[i] = p.times_plus::<FUSED>(p, plus[i]);
        });
        return (mean, [rstd(plus), T::zero()]);
    }
    for_each_lane!(x.len(), [x, b], [], |i| {
        let h = x[i] - mean;
        let (p, m) = (b[i] + h, b[i] - h);
        plus[i] = p.times_plus::<FUSED>(p, plus[i]);
        minus[i] = m.times_plus::<FUSED>(m, minus[i]);
    });
    (mean, [rstd(plus), rstd(minus)])
}
