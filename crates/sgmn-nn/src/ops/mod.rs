//! The only door to the arithmetic: one function an operation, with its formula, shapes and gradient.
//!
//! Layers speak to [`Rows`]. On the CPU a chain of its operations runs as one pass over memory, forward and backward,
//! over blocks of rows in parallel (`ops/fused`, on the kernels of `ops/cpu`). Elsewhere each operation runs by itself,
//! composed of candle's own (`ops/reference`), which also judges the passes. Nothing above knows which of them runs.
//!
//! Letters: B nets in the batch, R receivers, S senders, H channels; `…` is any number of leading axes, seen as rows.
//! Every operation has a gradient for every input, and zero rows are allowed everywhere.

mod cpu;
mod fused;
pub mod reference;

pub use fused::{Rows, keep_at_most, kept_bytes};

use std::{cell::Cell, thread::LocalKey};

use candle_core::{Device, Result, Tensor};

/// Which of an edge block's two node axes `[B, R, S, H]` a node tensor belongs to or a sum runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeAxis {
    /// Axis 1: the nodes the edges enter.
    Receivers,
    /// Axis 2: the nodes the edges leave.
    Senders,
}

/// Whether the activated row alone is wanted, or its sum with that of the negated input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetrize {
    /// `σ(x + b)`.
    No,
    /// `σ(x + b) + σ(−x + b)`: what is left of ρ(x) + ρ(−x) before ρ's last linear layer.
    Signs,
}

/// `y = x Wᵀ`: a linear map of the last axis, without bias.
///
/// # Shapes
/// x `[…, in]`, w `[out, in]`, result `[…, out]`.
pub fn linear(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (n_out, n_in) = w.dims2()?;
    let mut shape = x.dims().to_vec();
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let y = x.reshape((rows, n_in))?.matmul(&w.t()?)?;
    *shape.last_mut().expect("a tensor that a linear map reads has an axis") = n_out;
    y.reshape(shape)
}

/// `y = x + b`, the same row added to every row.
///
/// # Shapes
/// x `[…, H]`, b `[H]`, result `[…, H]`.
pub fn add_bias(x: &Tensor, b: &Tensor) -> Result<Tensor> {
    if on_cpu(x) { on_rows(x, |rows| rows.add_bias(b)) } else { reference::add_bias(x, b) }
}

/// `y = SiLU(γ ⊙ (h − mean) / √(var + ε) + β)` with `h = x + b`, over the last axis, ε = 1e-5: bias, layer
/// normalization and activation in one pass; with [`Symmetrize::Signs`] summed over `±x`.
///
/// # Shapes
/// x `[…, H]`, b, γ, β `[H]`, result `[…, H]`.
pub fn norm_silu(x: &Tensor, b: &Tensor, gamma: &Tensor, beta: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    if on_cpu(x) {
        on_rows(x, |rows| rows.norm_silu(b, gamma, beta, signs))
    } else {
        reference::norm_silu(x, b, gamma, beta, signs)
    }
}

/// `y = SiLU(x + b)`; with [`Symmetrize::Signs`] summed over `±x`.
///
/// # Shapes
/// x `[…, H]`, b `[H]`, result `[…, H]`.
pub fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    if on_cpu(x) { on_rows(x, |rows| rows.bias_silu(b, signs)) } else { reference::bias_silu(x, b, signs) }
}

/// `y_ij = v_i` or `v_j`: node rows repeated along the edges of a block.
///
/// # Shapes
/// v `[B, n, H]` for the n nodes of `axis`, `n_others` nodes on the other axis, result `[B, R, S, H]`.
pub fn spread(v: &Tensor, n_others: usize, axis: EdgeAxis) -> Result<Tensor> {
    let (b, n, h) = v.dims3()?;
    let shape = if axis == EdgeAxis::Receivers { (b, n, n_others, h) } else { (b, n_others, n, h) };
    v.unsqueeze(if axis == EdgeAxis::Receivers { 2 } else { 1 })?.broadcast_as(shape)?.contiguous()
}

/// `m_i = Σ_j e_ij`, or `Σ_i` with the other axis: messages into their nodes. An empty axis sums to zero.
///
/// # Shapes
/// e `[B, R, S, H]`; the axis named is summed away: `[B, R, H]` for [`EdgeAxis::Senders`].
pub fn sum_edges(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    if on_cpu(e) { Rows::edges(e.clone())?.sum_edges(axis)?.tensor() } else { reference::sum_edges(e, axis) }
}

/// `y = x / (‖x‖ + guard)` over the last axis; with no guard `x / ‖x‖`, and a zero row stays zero with zero gradient.
///
/// Without a guard the row is first brought near 1 by a power of two, so neither tiny nor huge rows leave the range of
/// the number type, and scaling a row by a power of two changes no bit.
///
/// # Shapes
/// x `[…, H]`, result `[…, H]`.
pub fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    if on_cpu(x) { on_rows(x, |rows| rows.unit_norm(guard)) } else { reference::unit_norm(x, guard) }
}

/// `y = |x|`, with gradient `sign(x)` and 0 at 0 as in PyTorch.
pub fn abs(x: &Tensor) -> Result<Tensor> {
    if on_cpu(x) { on_rows(x, |rows| rows.abs()) } else { reference::abs(x) }
}

/// `y = x ⊙ mask / (1 − p)`, each element kept with probability `1 − p`; the mask is drawn from the seed.
///
/// # Shapes
/// Any; the same for the result.
pub fn dropout(x: &Tensor, p: f64, seed: &sgmn_graph::Seed) -> Result<Tensor> {
    if p == 0.0 {
        return Ok(x.clone());
    }
    let width = x.dims().last().copied().unwrap_or(1).max(1);
    let mask = cpu::kernels::Mask::new(p, seed).factors(x.elem_count() / width, width);
    let mask = Tensor::from_vec(mask, x.dims(), x.device())?.to_dtype(x.dtype())?;
    x * mask
}

/// Runs `f` without noting down what gradients would need: for predictions, which then take less time and memory.
///
/// Results do not know where they came from; asking for their gradient finds none. Only this thread is concerned.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    while_set(&NO_GRAD, f)
}

/// Runs `f` with every operation composed of candle's own, as on a device without kernels: the plain twin, for proofs
/// and benchmarks. Only operations of this thread are concerned.
pub fn plainly<R>(f: impl FnOnce() -> R) -> R {
    while_set(&PLAIN, f)
}

thread_local! {
    static PLAIN: Cell<bool> = const { Cell::new(false) };
    static NO_GRAD: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` while a mark of this thread is set, and resets it even if `f` panics.
fn while_set<R>(mark: &'static LocalKey<Cell<bool>>, f: impl FnOnce() -> R) -> R {
    struct Reset(&'static LocalKey<Cell<bool>>, bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _reset = Reset(mark, mark.replace(true));
    f()
}

/// Whether gradients may be asked for.
fn wants_gradients() -> bool {
    !NO_GRAD.get()
}

/// Whether the kernels for the CPU are to be used.
fn on_cpu(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && !PLAIN.get()
}

/// Applies an operation on rows to the rows of any tensor.
fn on_rows(x: &Tensor, f: impl FnOnce(&Rows) -> Result<Rows>) -> Result<Tensor> {
    let width = x.dims().last().copied().unwrap_or(1);
    let rows = x.elem_count().checked_div(width).unwrap_or(0);
    f(&Rows::nets(x.reshape((rows, width))?)?)?.tensor()?.reshape(x.shape())
}

#[cfg(test)]
pub(crate) mod suite;
