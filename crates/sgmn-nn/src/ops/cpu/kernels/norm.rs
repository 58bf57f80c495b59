//! Activation of rows, with and without layer normalization before it.

use super::{Element, LANES, for_each_lane, given, sum};
use crate::ops::cpu::simd::{Level, level, vectorized};

/// Added to the variance before the root, as PyTorch's LayerNorm does by default.
pub(in crate::ops) const NORM_EPS: f64 = 1e-5;

/// Rows that are normalized together: what one row waits for, its mean and its variance, another one's work hides.
const ROWS: usize = 8;

vectorized! {
    /// `y = SiLU(LayerNorm(x + b))`, with `signs` plus `SiLU(LayerNorm(−x + b))`; `packed` is `[b, γ, β]`.
    fn norm_silu<T, FUSED>(x: &[T], packed: &[T], signs: bool, y: &mut [T]) {
        let width = packed.len() / 3;
        let (gamma, beta) = (&packed[width..2 * width], &packed[2 * width..3 * width]);
        let b = centered_bias(&packed[..width]);
        let b = &b[..];
        for (x, y) in x.chunks(ROWS * width).zip(y.chunks_mut(ROWS * width)) {
            let Stats { mean, plus, minus } = Stats::of::<FUSED>(x, b, signs);
            for (k, (x, y)) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
                let (mean, plus, minus) = (mean[k], plus[k], minus[k]);
                if signs {
                    for_each_lane!(width, [x, b, gamma, beta], [y], |i| {
                        let h = x[i] - mean;
                        let z = ((b[i] + h) * plus).times_plus::<FUSED>(gamma[i], beta[i]);
                        let mirrored = ((b[i] - h) * minus).times_plus::<FUSED>(gamma[i], beta[i]);
                        y[i] = silu::<T, FUSED>(z) + silu::<T, FUSED>(mirrored);
                    });
                } else {
                    for_each_lane!(width, [x, b, gamma, beta], [y], |i| {
                        let z = ((b[i] + (x[i] - mean)) * plus).times_plus::<FUSED>(gamma[i], beta[i]);
                        y[i] = silu::<T, FUSED>(z);
                    });
                }
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
        // Gradients of the normalized rows of both signs, kept for the second pass over the rows.
        let (mut dv_rows, mut dw_rows) = (vec![T::zero(); ROWS * width], vec![T::zero(); ROWS * width]);
        let chunks = x.chunks(ROWS * width).zip(grad.chunks(ROWS * width));
        for ((x, grad), (dx, y)) in chunks.zip(dx.chunks_mut(ROWS * width).zip(y.chunks_mut(ROWS * width))) {
            let Stats { mean, plus, minus } = Stats::of::<FUSED>(x, b, signs);
            // Of each row and sign: the mean of the gradient of the normalized row, and of its product with the row.
            let (mut mean_d, mut mean_dv) = ([T::zero(); ROWS], [T::zero(); ROWS]);
            let (mut mean_e, mut mean_ew) = ([T::zero(); ROWS], [T::zero(); ROWS]);
            let rows = x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(y.chunks_exact_mut(width));
            let kept = dv_rows.chunks_exact_mut(width).zip(dw_rows.chunks_exact_mut(width));
            for (k, (((x, grad), y), (dvs, dws))) in rows.zip(kept).enumerate() {
                let (mean, plus, minus) = (mean[k], plus[k], minus[k]);
                let (mut sum_d, mut sum_dv) = ([T::zero(); LANES], [T::zero(); LANES]);
                if !signs {
                    for_each_lane!(width, [x, b, gamma, beta, grad], [dvs, dgamma, dbeta, y], |i| {
                        let v = (b[i] + (x[i] - mean)) * plus;
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
                    (mean_d[k], mean_dv[k]) = (sum(sum_d) / n, sum(sum_dv) / n);
                    continue;
                }
                let (mut sum_e, mut sum_ew) = ([T::zero(); LANES], [T::zero(); LANES]);
                for_each_lane!(width, [x, b, gamma, beta, grad], [dvs, dws, dgamma, dbeta, y], |i| {
                    let h = x[i] - mean;
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
                (mean_d[k], mean_dv[k]) = (sum(sum_d) / n, sum(sum_dv) / n);
                (mean_e[k], mean_ew[k]) = (sum(sum_e) / n, sum(sum_ew) / n);
            }
            let kept = dv_rows.chunks_exact(width).zip(dw_rows.chunks_exact(width));
            let rows = x.chunks_exact(width).zip(dx.chunks_exact_mut(width)).zip(kept);
            for (k, ((x, dx), (dvs, dws))) in rows.enumerate() {
                let (mean, plus, minus) = (mean[k], plus[k], minus[k]);
                let (mean_d, slope) = (mean_d[k], mean_dv[k] * plus);
                if !signs {
                    for_each_lane!(width, [x, b, dvs], [db, dx], |i| {
                        let h = b[i] + (x[i] - mean);
                        let dh = plus * (dvs[i] - mean_d - h * slope);
                        db[i] += dh;
                        dx[i] = given(dx[i], dh, first);
                    });
                    continue;
                }
                let (mean_e, fall) = (mean_e[k], mean_ew[k] * minus);
                for_each_lane!(width, [x, b, dvs, dws], [db, dx], |i| {
                    let h = x[i] - mean;
                    let dh = plus * (dvs[i] - mean_d - (b[i] + h) * slope);
                    let dk = minus * (dws[i] - mean_e - (b[i] - h) * fall);
                    db[i] += dh + dk;
                    dx[i] = given(dx[i], dh - dk, first);
                });
            }
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

/// Of each of some rows x: its mean, and `1 / √(var + ε)` of `x + b` and, if asked for, of `−x + b`.
struct Stats<T> {
    mean: [T; ROWS],
    plus: [T; ROWS],
    minus: [T; ROWS],
}

impl<T: Element> Stats<T> {
    /// The statistics of at most [`ROWS`] rows; b is centered.
    #[inline(always)]
    fn of<const FUSED: bool>(x: &[T], b: &[T], signs: bool) -> Self {
        let width = b.len();
        let n = T::from_f64(width as f64);
        let mut stats = Self { mean: [T::zero(); ROWS], plus: [T::zero(); ROWS], minus: [T::zero(); ROWS] };
        for (mean, x) in stats.mean.iter_mut().zip(x.chunks_exact(width)) {
            let mut lanes = [T::zero(); LANES];
            for_each_lane!(width, [x], [], |i| {
                lanes[i] += x[i];
            });
            *mean = sum(lanes) / n;
        }
        for (k, x) in x.chunks_exact(width).enumerate() {
            let mean = stats.mean[k];
            let (mut plus, mut minus) = ([T::zero(); LANES], [T::zero(); LANES]);
            if signs {
                for_each_lane!(width, [x, b], [], |i| {
                    let h = x[i] - mean;
                    let (p, m) = (b[i] + h, b[i] - h);
                    plus[i] = p.times_plus::<FUSED>(p, plus[i]);
                    minus[i] = m.times_plus::<FUSED>(m, minus[i]);
                });
                stats.minus[k] = sum(minus);
            } else {
                for_each_lane!(width, [x, b], [], |i| {
                    let p = b[i] + (x[i] - mean);
                    plus[i] = p.times_plus::<FUSED>(p, plus[i]);
                });
            }
            stats.plus[k] = sum(plus);
        }
        let eps = T::from_f64(NORM_EPS);
        for variances in [&mut stats.plus, &mut stats.minus] {
            for variance in variances {
                *variance = T::one() / Element::sqrt(*variance / n + eps);
            }
        }
        stats
    }
}
