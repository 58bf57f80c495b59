//! Kernels that treat every row `[H]` alike: bias, normalization, activation.

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{
    super::Symmetrize,
    adapter::{Element, Kernel, View},
    kernels::{
        add_bias, bias_silu, bias_silu_grad, norm_silu, norm_silu_grad, sum_rows, unit_norm, unit_norm_grad,
    },
};

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
        bail!(
            "{name}: expected a parameter of {} values, found shape {:?}",
            rows_of_width * width,
            inputs[1]
        );
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
        let sign = |x: T| {
            if x > T::zero() {
                T::one()
            } else if x < T::zero() {
                -T::one()
            } else {
                T::zero()
            }
        };
        let mut grads = map_and_sum(inputs[0].values, grad, inputs[0].width(), 0, |x, grad, dx, _| {
            dx.iter_mut().zip(x).zip(grad).for_each(|((dx, x), grad)| *dx = sign(*x) * *grad);
        });
        grads.truncate(1);
        grads
    }
}
