//! The only door to the arithmetic: one function an operation, with its formula, shapes and gradient.
//!
//! Layers speak to [`Rows`], whose operations are recorded, made cheaper and put in order as programs (`ops/fused`). On the
//! CPU a program runs as one pass over memory, forward and backward, over blocks of rows in parallel (on the kernels of
//! `ops/cpu`). Elsewhere it runs step by step over all rows (`ops/steps`), on a CUDA device in kernels (`ops/cuda`).
//! Plain forms (`ops/reference`) judge both. Nothing above knows which of them runs.
//!
//! Letters: B nets in the batch, R receivers, S senders, H channels; `…` is any number of leading axes, seen as rows.
//! Every operation has a gradient for every input that is not said to be data, and zero rows are allowed everywhere.

mod cpu;
#[cfg(any(test, feature = "cuda"))]
mod cuda;
mod device;
mod fused;
mod meter;
mod mode;
mod nets;
mod optimizer;
mod precision;
pub mod reference;
mod run;
mod steps;
#[cfg(feature = "testing")]
pub mod suite;
mod weigh;

pub use device::{faults, forget_peak_memory, kernel_control, kernel_difference, kernel_names, peak_memory};
pub use fused::{Rows, keep_at_most, kept_bytes};
pub use meter::{Kind, Tally, metered};
pub use mode::{leave_kernels, no_grad, plainly, step_by_step};
pub use nets::NetForm;
pub use optimizer::{AdamWStep, Clip, Update, adamw, total_squares};
pub use precision::ProductPrecision;
pub use run::{run_mlps, run_nets};
pub use weigh::weigh;

#[cfg(feature = "cuda")]
use self::mode::on_cuda;
use self::mode::{is_recorded, on_cpu, runs_whole, wants_gradients};
use candle_core::{DType, Result, Tensor};

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

/// `y = x Wᵀ`: a linear map of the last axis, without bias; inside [`ProductPrecision::scope`] in that precision.
///
/// # Shapes
/// x `[…, in]`, w `[out, in]`, result `[…, out]`.
pub fn linear(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (n_out, n_in) = w.dims2()?;
    let mut shape = x.dims().to_vec();
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let x = x.reshape((rows, n_in))?;
    let y = meter::count(Kind::Product, &[&x, w], 2 * rows * n_in * n_out, || {
        if precision::rounds() { precision::rounded_product(&x, false, &w.t()?) } else { x.matmul(&w.t()?) }
    })?;
    *shape.last_mut().expect("a tensor that a linear map reads has an axis") = n_out;
    y.reshape(shape)
}

/// `y = x + b`, the same row added to every row.
///
/// # Shapes
/// x `[…, H]`, b `[H]`, result `[…, H]`.
pub fn add_bias(x: &Tensor, b: &Tensor) -> Result<Tensor> {
    if is_recorded() {
        return on_rows(x, |rows| rows.add_bias(b));
    }
    reference::add_bias(x, b)
}

/// `y = SiLU(γ ⊙ (h − mean) / √(var + ε) + β)` with `h = x + b`, over the last axis, ε = 1e-5: bias, layer
/// normalization and activation in one pass; with [`Symmetrize::Signs`] summed over `±x`.
///
/// # Shapes
/// x `[…, H]`, b, γ, β `[H]`, result `[…, H]`.
pub fn norm_silu(x: &Tensor, b: &Tensor, gamma: &Tensor, beta: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    if is_recorded() {
        return on_rows(x, |rows| rows.norm_silu(b, gamma, beta, signs));
    }
    reference::norm_silu(x, b, gamma, beta, signs)
}

/// `y = SiLU(x + b)`; with [`Symmetrize::Signs`] summed over `±x`.
///
/// # Shapes
/// x `[…, H]`, b `[H]`, result `[…, H]`.
pub fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    if is_recorded() {
        return on_rows(x, |rows| rows.bias_silu(b, signs));
    }
    reference::bias_silu(x, b, signs)
}

/// `m_i = Σ_j e_ij`, or `Σ_i` with the other axis: messages into their nodes. An empty axis sums to zero.
///
/// # Shapes
/// e `[B, R, S, H]`; the axis named is summed away: `[B, R, H]` for [`EdgeAxis::Senders`].
pub fn sum_edges(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    if is_recorded() {
        return Rows::edges(e.clone())?.sum_edges(axis)?.tensor();
    }
    reference::sum_edges(e, axis)
}

/// Added to variances under a root, so that its gradient stays finite.
const VARIANCE_EPS: f64 = 1e-5;

/// `[mean_j e_ij, √(var_j e_ij + ε), min_j e_ij, max_j e_ij]`, or over i with the other axis, ε = 1e-5: what principal
/// neighbourhood aggregation tells a node of its edges. An empty axis gives zeros; values that tie for an extreme each
/// get its gradient.
///
/// # Shapes
/// e `[B, R, S, H]`; the axis named is summed away: `[B, R, 4H]` for [`EdgeAxis::Senders`].
pub fn aggregate(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    if on_cpu(e) {
        return Rows::edges(e.clone())?.aggregate(axis)?.tensor();
    }
    aggregate_tensor(e, axis)
}

/// [`aggregate`] of edges in memory, where the CPU's passes do not run.
fn aggregate_tensor(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    meter::count(Kind::SumOverEdges, &[e], 0, || {
        #[cfg(feature = "cuda")]
        if on_cuda(cuda::Kernel::Aggregate, e) {
            return cuda::aggregate(e, axis);
        }
        reference::aggregate(e, axis)
    })
}

/// [`attend`] to rows in memory, where the CPU's passes do not run.
fn attend_tensors(
    own: &Tensor,
    incoming: Option<&Tensor>,
    outgoing: Option<&Tensor>,
    n_heads: usize,
) -> Result<Tensor> {
    let read: Vec<&Tensor> = [own].into_iter().chain(incoming).chain(outgoing).collect();
    meter::count(Kind::SumOverEdges, &read, 0, || {
        #[cfg(feature = "cuda")]
        if on_cuda(cuda::Kernel::Attend, own) {
            return cuda::attend(own, incoming, outgoing, n_heads);
        }
        reference::attend(own, incoming, outgoing, n_heads)
    })
}

/// `y_i = Σ_j a_ij v_ij` with `a_i = softmax_j(s_ij)` for each head: attention of each node i over itself, the edges that
/// enter it and those that leave it, all in one softmax.
///
/// A row holds the logits s of its heads, then its values v, the channels of one head after those of another.
///
/// # Shapes
/// own `[B, n, heads + H]`, incoming `[B, n, S, heads + H]`, outgoing `[B, R, n, heads + H]`, result `[B, n, H]`.
pub fn attend(
    own: &Tensor,
    incoming: Option<&Tensor>,
    outgoing: Option<&Tensor>,
    n_heads: usize,
) -> Result<Tensor> {
    let edges = |edges: Option<&Tensor>| edges.map(|edges| Rows::edges(edges.clone())).transpose();
    let (incoming, outgoing) = (edges(incoming)?, edges(outgoing)?);
    Rows::nodes(own.clone())?.attend(incoming.as_ref(), outgoing.as_ref(), n_heads)?.tensor()
}

/// `y = x / (‖x‖ + guard)` over the last axis; with no guard `x / ‖x‖`, and a zero row stays zero with zero gradient.
///
/// Without a guard the row is first brought near 1 by a power of two, so neither tiny nor huge rows leave the range of
/// the number type, and scaling a row by a power of two changes no bit.
/// The gradient grows as `1 / ‖x‖` and has to stay in that range too: a row without any number of 2⁻¹⁰⁰ or more (f64:
/// 2⁻¹⁰⁰⁰) has the gradient zero. Weight decay leaves such rows behind in dead units.
///
/// # Shapes
/// x `[…, H]`, result `[…, H]`.
pub fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    if is_recorded() {
        return on_rows(x, |rows| rows.unit_norm(guard));
    }
    reference::unit_norm(x, guard)
}

/// `y = |x|`, with gradient `sign(x)` and 0 at 0 as in PyTorch.
pub fn abs(x: &Tensor) -> Result<Tensor> {
    if is_recorded() {
        return on_rows(x, |rows| rows.abs());
    }
    reference::abs(x)
}

/// `y = [sin(f_1 x), …, sin(f_n x)]` of every number, one number's sines after the other's.
///
/// # Shapes
/// x `[…, k]`, n frequencies, result `[…, k n]`.
pub fn sines(x: &Tensor, frequencies: &[f64]) -> Result<Tensor> {
    if on_cpu(x) && matches!(x.dtype(), DType::F32 | DType::F64) {
        return x.contiguous()?.apply_op1(cpu::Sines { frequencies: frequencies.to_vec() });
    }
    reference::sines(x, frequencies)
}

/// `y = x ⊙ mask / (1 − p)`, each element kept with probability `1 − p`; the mask is drawn from the seed, the same on every
/// device.
///
/// # Shapes
/// Any; the same for the result.
pub fn dropout(x: &Tensor, p: f64, seed: &sgmn_graph::Seed) -> Result<Tensor> {
    if p == 0.0 {
        return Ok(x.clone());
    }
    if is_recorded() {
        return on_rows(x, |rows| rows.dropout(p, seed));
    }
    let width = x.dims().last().copied().unwrap_or(1).max(1);
    let mask = cpu::kernels::Mask::new(p, seed).factors(x.elem_count() / width, width);
    let mask = Tensor::from_vec(mask, x.dims(), x.device())?.to_dtype(x.dtype())?;
    x * mask
}

/// Applies an operation on rows to the rows of any tensor.
fn on_rows(x: &Tensor, f: impl FnOnce(&Rows) -> Result<Rows>) -> Result<Tensor> {
    let width = x.dims().last().copied().unwrap_or(1);
    let rows = x.elem_count().checked_div(width).unwrap_or(0);
    f(&Rows::nets(x.reshape((rows, width))?)?)?.tensor()?.reshape(x.shape())
}
