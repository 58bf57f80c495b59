//! Kernels that treat every row `[H]` alike: bias, normalization, activation.

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{
    super::Symmetrize,
    adapter::{Element, Kernel, View},
    simd::{Level, level, vectorized},
};

/// Added to the variance before the root, as PyTorch's LayerNorm does by default.
pub(in crate::ops) const NORM_EPS: f64 = 1e-5;

/// Rows of one parallel task: large enough to be worth a task, small enough to stay in cache.
const BLOCK: usize = 128;
/// Parts over which a sum of all rows is cut; fixed, so that the order of addition is.
const PARTS: usize = 16;

/// `x + b`.
pub(in crate::ops) struct AddBias;
/// `SiLU(LayerNorm(x + b))`; the second input is `[b, γ, β]` in one row.
pub(in crate::ops) struct NormSilu {
    pub(in crate::ops) signs: Symmetrize,
}
/// `SiLU(x + b)`.
pub(in crate::ops) struct BiasSilu {
    pub(in crate::ops) signs: Symmetrize,
}
/// `x / ‖x‖`.
pub(in crate::ops) struct UnitNorm {
    pub(in crate::ops) guard: Option<f64>,
}
/// `|x|`.
pub(in crate::ops) struct Abs;

/// Runs `f(x rows, result rows)` on blocks in parallel.
fn map_rows<T: Element>(x: &[T], width: usize, f: impl Fn(&[T], &mut [T]) + Sync) -> Vec<T> {
    let mut y = vec![T::zero(); x.len()];
    let block = BLOCK * width.max(1);
    x.par_chunks(block).zip(y.par_chunks_mut(block)).for_each(|(x, y)| f(x, y));
    y
}

/// Runs `f(x rows, grad rows, dx rows, sums)` on [`PARTS`] parts in parallel and adds the sums in order.
fn map_and_sum<T: Element>(
    x: &[T],
    grad: &[T],
    width: usize,
    n_sums: usize,
    f: impl Fn(&[T], &[T], &mut [T], &mut [T]) + Sync,
) -> Vec<Vec<T>> {
    let mut dx = vec![T::zero(); x.len()];
    let rows = x.len() / width.max(1);
    let part = rows.div_ceil(PARTS).max(1) * width.max(1);
    let sums: Vec<Vec<T>> = x
        .par_chunks(part)
        .zip(grad.par_chunks(part))
        .zip(dx.par_chunks_mut(part))
        .map(|((x, grad), dx)| {
            let mut sums = vec![T::zero(); n_sums];
            f(x, grad, dx, &mut sums);
            sums
        })
        .collect();
    let mut total = vec![T::zero(); n_sums];
    for part in &sums {
        for (total, value) in total.iter_mut().zip(part) {
            *total += *value;
        }
    }
    vec![dx, total]
}

fn same_width(name: &str, inputs: &[&[usize]], rows_of_width: usize) -> Result<Vec<usize>> {
    let width = inputs[0].last().copied().unwrap_or(0);
    if inputs[1] != [rows_of_width * width] {
        bail!("{name}: expected a parameter of {} values, found shape {:?}", rows_of_width * width, inputs[1]);
    }
    Ok(inputs[0].to_vec())
}

impl Kernel for AddBias {
    const NAME: &'static str = "add_bias";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        same_width(Self::NAME, inputs, 1)
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let [x, b] = inputs else { unreachable!("two inputs") };
        map_rows(x.values, x.width(), |x, y| add_bias(x, b.values, y))
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let width = inputs[0].width();
        map_and_sum(grad, grad, width, width, |_, grad, dx, sums| {
            dx.copy_from_slice(grad);
            sum_rows(grad, sums);
        })
    }
}

impl Kernel for NormSilu {
    const NAME: &'static str = "norm_silu";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        same_width(Self::NAME, inputs, 3)
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let [x, packed] = inputs else { unreachable!("two inputs") };
        map_rows(x.values, x.width(), |x, y| {
            norm_silu(x, packed.values, T::one(), y);
            if self.signs == Symmetrize::Signs {
                norm_silu(x, packed.values, -T::one(), y);
            }
        })
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let [x, packed] = inputs else { unreachable!("two inputs") };
        map_and_sum(x.values, grad, x.width(), packed.values.len(), |x, grad, dx, sums| {
            norm_silu_grad(x, packed.values, T::one(), grad, dx, sums);
            if self.signs == Symmetrize::Signs {
                norm_silu_grad(x, packed.values, -T::one(), grad, dx, sums);
            }
        })
    }
}

impl Kernel for BiasSilu {
    const NAME: &'static str = "bias_silu";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        same_width(Self::NAME, inputs, 1)
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let [x, b] = inputs else { unreachable!("two inputs") };
        map_rows(x.values, x.width(), |x, y| {
            bias_silu(x, b.values, T::one(), y);
            if self.signs == Symmetrize::Signs {
                bias_silu(x, b.values, -T::one(), y);
            }
        })
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let [x, b] = inputs else { unreachable!("two inputs") };
        map_and_sum(x.values, grad, x.width(), x.width(), |x, grad, dx, sums| {
            bias_silu_grad(x, b.values, T::one(), grad, dx, sums);
            if self.signs == Symmetrize::Signs {
                bias_silu_grad(x, b.values, -T::one(), grad, dx, sums);
            }
        })
    }
}

impl Kernel for UnitNorm {
    const NAME: &'static str = "unit_norm";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(inputs[0].to_vec())
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let width = inputs[0].width();
        map_rows(inputs[0].values, width, |x, y| unit_norm(x, width, self.guard.map(T::from_f64), y))
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let width = inputs[0].width();
        let mut grads = map_and_sum(inputs[0].values, grad, width, 0, |x, grad, dx, _| {
            unit_norm_grad(x, width, self.guard.map(T::from_f64), grad, dx);
        });
        grads.truncate(1);
        grads
    }
}

impl Kernel for Abs {
    const NAME: &'static str = "abs";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(inputs[0].to_vec())
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let width = inputs[0].width();
        map_rows(inputs[0].values, width, |x, y| y.iter_mut().zip(x).for_each(|(y, x)| *y = Element::abs(*x)))
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let sign = |x: T| if x > T::zero() { T::one() } else if x < T::zero() { -T::one() } else { T::zero() };
        let mut grads = map_and_sum(inputs[0].values, grad, inputs[0].width(), 0, |x, grad, dx, _| {
            dx.iter_mut().zip(x).zip(grad).for_each(|((dx, x), grad)| *dx = sign(*x) * *grad);
        });
        grads.truncate(1);
        grads
    }
}

vectorized! {
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
    /// `dx = (g − ŷ (u·g)) / (‖x‖ + guard)`, with the result ŷ and the unit vector u along x.
    fn unit_norm_grad<T>(x: &[T], width: usize, guard: Option<T>, grad: &[T], dx: &mut [T]) {
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            let Some((scale, norm)) = row_norm(x, guard) else { continue };
            // ‖x‖ itself, which the guard is not part of.
            let length = norm - guard.unwrap_or(T::zero());
            let along = sum_lanes(width, |i| x[i] / scale * grad[i]);
            // A row that underflows to length zero behind a guard has no direction.
            let along = if length == T::zero() { T::zero() } else { along / length / norm };
            for i in 0..width {
                dx[i] = (grad[i] - x[i] / scale * along) / norm / scale;
            }
        }
    }
}
