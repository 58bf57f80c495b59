//! Steps over all rows of a block at once, on any device, each with its gradient spelled out.
//!
//! They are what a program of `ops/fused` runs as where memory is what a step costs: candle's graph never sees them, so
//! that nothing is read or written but what a formula names. On a CUDA device each is one kernel (`ops/cuda/steps`),
//! elsewhere it is composed of candle's operations ([`plain`]), which also judges the kernels.
//!
//! Rows are `[N, W]` with N = B·R·S in the order of the block, nodes `[B·n, W]` for the n nodes of an axis. All tensors
//! are contiguous, outside candle's graph, and not empty.

mod nodes;
pub(super) mod plain;

use candle_core::{Result, Tensor};

pub(super) use self::nodes::{dot_nodes, mul_nodes, sum, sum_product, sum_product_grad, sum_rows};

use super::{
    EdgeAxis, Symmetrize,
    cpu::kernels::Mask,
    meter::{Kind, count},
    precision,
};

#[cfg(feature = "cuda")]
use super::cuda::{self, Kernel};

/// Rows of B nets with R receivers and S senders each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) b: usize,
    pub(super) r: usize,
    pub(super) s: usize,
}

impl Block {
    pub(super) fn n_rows(self) -> usize {
        self.b * self.r * self.s
    }
}

/// A sum that is not in memory: rows, if there are any, and rows of at most two nodes of each row.
#[derive(Debug, Clone, Default)]
pub(super) struct Addends {
    pub(super) rows: Option<Tensor>,
    pub(super) nodes: Vec<(Tensor, EdgeAxis)>,
}

/// The most operands of [`Addends`] that are nodes.
pub(super) const MOST_NODES: usize = 2;

impl Addends {
    fn read(&self) -> impl Iterator<Item = &Tensor> {
        self.rows.iter().chain(self.nodes.iter().map(|(nodes, _)| nodes))
    }
}

impl From<Tensor> for Addends {
    fn from(rows: Tensor) -> Self {
        Self { rows: Some(rows), nodes: Vec::new() }
    }
}

/// `x Wᵀ`, added to what is given.
///
/// # Shapes
/// x `[N, in]`, w `[out, in]`, result `[N, out]`.
pub(super) fn product(x: &Tensor, w: &Tensor, onto: Option<Tensor>) -> Result<Tensor> {
    multiply(x, false, &w.t()?, onto)
}

/// The gradient of [`product`] for x: `dy W`.
pub(super) fn product_to_rows(dy: &Tensor, w: &Tensor, onto: Option<Tensor>) -> Result<Tensor> {
    multiply(dy, false, w, onto)
}

/// The gradient of [`product`] for W: `dyᵀ x`.
pub(super) fn product_to_weight(dy: &Tensor, x: &Tensor, onto: Option<Tensor>) -> Result<Tensor> {
    multiply(dy, true, x, onto)
}

/// `a b`, or `aᵀ b`.
fn multiply(a: &Tensor, turned: bool, b: &Tensor, onto: Option<Tensor>) -> Result<Tensor> {
    let n_products = a.elem_count() * b.dim(1)?;
    let product = count(Kind::Product, &[a, b], 2 * n_products, || match (precision::rounds(), turned) {
        (true, _) => precision::rounded_product(a, turned, b),
        (false, true) => a.t()?.matmul(b),
        (false, false) => a.matmul(b),
    })?;
    match onto {
        Some(onto) => add(&onto, &product),
        None => Ok(product),
    }
}

/// `a + b`.
pub(super) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    count(Kind::Elementwise, &[a, b], 0, || a + b)
}

/// All addends, two tensors of rows at most, and a bias, in memory.
pub(super) fn add_up(
    block: Block,
    x: &Addends,
    more: Option<&Tensor>,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let read: Vec<&Tensor> = x.read().chain(more).chain(bias).collect();
    count(Kind::Elementwise, &read, 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::AddUp, read[0]) {
            return cuda::steps::add_up(block, x, more, bias);
        }
        plain::add_up(block, x, more, bias)
    })
}

/// `SiLU(LayerNorm(x + b))` of a sum that is not in memory, see [`super::norm_silu`]; `packed` is `[b, γ, β]`.
pub(super) fn norm_silu(block: Block, x: &Addends, packed: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    let read: Vec<&Tensor> = x.read().chain([packed]).collect();
    count(Kind::Norm, &read, 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::NormSiluOfSum, read[0]) {
            return cuda::steps::norm_silu(block, x, packed, signs);
        }
        plain::norm_silu(block, x, packed, signs)
    })
}

/// The gradients of [`norm_silu`] for each addend, which is the same for all, and for `packed`.
pub(super) fn norm_silu_grad(
    block: Block,
    x: &Addends,
    packed: &Tensor,
    signs: Symmetrize,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    let read: Vec<&Tensor> = x.read().chain([packed, dy]).collect();
    count(Kind::Norm, &read, 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::NormSiluOfSum, dy) {
            return cuda::steps::norm_silu_grad(block, x, packed, signs, dy);
        }
        plain::norm_silu_grad(block, x, packed, signs, dy)
    })
}

/// `SiLU(x + b)`, see [`super::bias_silu`].
pub(super) fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    count(Kind::Activation, &[x, b], 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::BiasSilu, x) {
            return cuda::steps::bias_silu(x, b, signs);
        }
        plain::bias_silu(x, b, signs)
    })
}

/// The gradients of [`bias_silu`] for x and b.
pub(super) fn bias_silu_grad(x: &Tensor, b: &Tensor, signs: Symmetrize, dy: &Tensor) -> Result<[Tensor; 2]> {
    count(Kind::Activation, &[x, b, dy], 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::BiasSilu, x) {
            return cuda::steps::bias_silu_grad(x, b, signs, dy);
        }
        plain::bias_silu_grad(x, b, signs, dy)
    })
}

/// `a ⊙ (b + bias)`.
pub(super) fn mul(a: &Tensor, b: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let read: Vec<&Tensor> = [a, b].into_iter().chain(bias).collect();
    count(Kind::Elementwise, &read, 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::MulBiased, a) {
            return cuda::steps::mul(a, b, bias);
        }
        plain::mul(a, b, bias)
    })
}

/// The gradients of [`mul`] for a and b.
pub(super) fn mul_grad(a: &Tensor, b: &Tensor, bias: Option<&Tensor>, dy: &Tensor) -> Result<[Tensor; 2]> {
    let read: Vec<&Tensor> = [a, b, dy].into_iter().chain(bias).collect();
    count(Kind::Elementwise, &read, 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::MulBiased, a) {
            return cuda::steps::mul_grad(a, b, bias, dy);
        }
        plain::mul_grad(a, b, bias, dy)
    })
}

/// `x ⊙ r`, the same row for all.
pub(super) fn mul_row(x: &Tensor, r: &Tensor) -> Result<Tensor> {
    count(Kind::Elementwise, &[x, r], 0, || x.broadcast_mul(r))
}

/// `factor · x`.
pub(super) fn scale(x: &Tensor, factor: f64) -> Result<Tensor> {
    count(Kind::Elementwise, &[x], 0, || x * factor)
}

/// `|x|`.
pub(super) fn abs(x: &Tensor) -> Result<Tensor> {
    count(Kind::Elementwise, &[x], 0, || x.abs())
}

/// `sign(x) ⊙ dy`, with 0 for the sign of 0.
pub(super) fn abs_grad(x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    count(Kind::Elementwise, &[x, dy], 0, || x.sign()? * dy)
}

/// Directions, see [`super::unit_norm`].
pub(super) fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    count(Kind::Norm, &[x], 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::UnitNorm, x) {
            return cuda::steps::unit_norm(x, guard);
        }
        plain::unit_norm(x, guard)
    })
}

/// The gradient of [`unit_norm`].
pub(super) fn unit_norm_grad(x: &Tensor, guard: Option<f64>, dy: &Tensor) -> Result<Tensor> {
    count(Kind::Norm, &[x, dy], 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::UnitNorm, x) {
            return cuda::steps::unit_norm_grad(x, guard, dy);
        }
        plain::unit_norm_grad(x, guard, dy)
    })
}

/// `x ⊙ mask`, see [`super::dropout`]; its own gradient, with dy in place of x.
pub(super) fn kept(x: &Tensor, mask: Mask) -> Result<Tensor> {
    count(Kind::Elementwise, &[x], 0, || {
        #[cfg(feature = "cuda")]
        if super::on_cuda(Kernel::Kept, x) {
            return cuda::steps::kept(x, mask);
        }
        plain::kept(x, mask)
    })
}

/// Channels side by side.
pub(super) fn concat(parts: &[&Tensor]) -> Result<Tensor> {
    count(Kind::Copy, parts, 0, || Tensor::cat(parts, 1))
}

/// Some channels of each row.
pub(super) fn columns(x: &Tensor, start: usize, width: usize) -> Result<Tensor> {
    let part = x.narrow(1, start, width)?;
    count(Kind::Copy, &[&part], 0, || part.contiguous())
}
