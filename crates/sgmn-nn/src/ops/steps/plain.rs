//! Every step composed of candle's operations.

use candle_core::{D, Result, Tensor, Var};

use super::{Addends, Block};
use crate::ops::{
    EdgeAxis,
    Symmetrize::{self, No, Signs},
    cpu::{NORM_EPS, kernels::Mask},
    reference,
};

/// Nodes along the rows, without a copy: `[B, R, S, W]` for the block's rows.
fn along(block: Block, nodes: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    let Block { b, r, s } = block;
    let width = nodes.dim(1)?;
    let shape = if axis == EdgeAxis::Receivers { (b, r, 1, width) } else { (b, 1, s, width) };
    nodes.reshape(shape)?.broadcast_as((b, r, s, width))
}

fn in_block(block: Block, rows: &Tensor) -> Result<Tensor> {
    let Block { b, r, s } = block;
    rows.reshape((b, r, s, rows.dim(1)?))
}

fn as_rows(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.reshape(((), x.dim(D::Minus1)?))
}

fn biased(b: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    bias.map_or_else(|| Ok(b.clone()), |bias| b.broadcast_add(bias))
}

pub(in crate::ops) fn add_up(
    block: Block,
    x: &Addends,
    more: Option<&Tensor>,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let rows = x.rows.iter().chain(more).map(|rows| in_block(block, rows));
    let nodes = x.nodes.iter().map(|(nodes, axis)| along(block, nodes, *axis));
    let mut all = rows.chain(nodes);
    let mut sum = all.next().expect("a sum has an addend")?;
    for addend in all {
        sum = (sum + addend?)?;
    }
    biased(&as_rows(&sum)?, bias)
}

pub(in crate::ops) fn norm_silu(
    block: Block,
    x: &Addends,
    packed: &Tensor,
    signs: Symmetrize,
) -> Result<Tensor> {
    let x = add_up(block, x, None, None)?;
    let [b, gamma, beta] = unpacked(packed)?;
    reference::norm_silu(&x, &b, &gamma, &beta, signs)
}

fn unpacked(packed: &Tensor) -> Result<[Tensor; 3]> {
    let width = packed.elem_count() / 3;
    let part = |i: usize| packed.narrow(0, i * width, width);
    Ok([part(0)?, part(1)?, part(2)?])
}

/// `z σ(z)` has the slope `σ(z) (1 + z (1 − σ(z)))`.
fn silu_slope(z: &Tensor) -> Result<Tensor> {
    let s = (z.neg()?.exp()? + 1.0)?.recip()?;
    &s * ((z * s.affine(-1.0, 1.0)?)? + 1.0)?
}

fn signs_of(signs: Symmetrize) -> &'static [f64] {
    match signs {
        No => &[1.0],
        Signs => &[1.0, -1.0],
    }
}

pub(in crate::ops) fn norm_silu_grad(
    block: Block,
    x: &Addends,
    packed: &Tensor,
    signs: Symmetrize,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    let x = add_up(block, x, None, None)?;
    let [b, gamma, beta] = unpacked(packed)?;
    let (mut dx, mut sums) = (dy.zeros_like()?, packed.zeros_like()?);
    for sign in signs_of(signs) {
        let h = x.affine(*sign, 0.0)?.broadcast_add(&b)?;
        let h = h.broadcast_sub(&h.mean_keepdim(1)?)?;
        let spread = (h.sqr()?.mean_keepdim(1)? + NORM_EPS)?.sqrt()?;
        let v = h.broadcast_div(&spread)?;
        let dz = (dy * silu_slope(&v.broadcast_mul(&gamma)?.broadcast_add(&beta)?)?)?;
        let dv = dz.broadcast_mul(&gamma)?;
        let dh = dv.broadcast_sub(&dv.mean_keepdim(1)?)?;
        let dh = (dh - v.broadcast_mul(&(&dv * &v)?.mean_keepdim(1)?)?)?.broadcast_div(&spread)?;
        dx = (dx + (&dh * *sign)?)?;
        sums = (sums + Tensor::cat(&[dh.sum(0)?, (&dz * &v)?.sum(0)?, dz.sum(0)?], 0)?)?;
    }
    Ok([dx, sums])
}

pub(in crate::ops) fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    reference::bias_silu(x, b, signs)
}

pub(in crate::ops) fn bias_silu_grad(
    x: &Tensor,
    b: &Tensor,
    signs: Symmetrize,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    let (mut dx, mut db) = (dy.zeros_like()?, b.zeros_like()?);
    for sign in signs_of(signs) {
        let dz = (dy * silu_slope(&x.affine(*sign, 0.0)?.broadcast_add(b)?)?)?;
        dx = (dx + (&dz * *sign)?)?;
        db = (db + dz.sum(0)?)?;
    }
    Ok([dx, db])
}

pub(in crate::ops) fn mul(a: &Tensor, b: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    a * biased(b, bias)?
}

pub(in crate::ops) fn mul_grad(
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    Ok([(dy * biased(b, bias)?)?, (dy * a)?])
}

pub(in crate::ops) fn mul_nodes(block: Block, x: &Tensor, v: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    as_rows(&in_block(block, x)?.broadcast_mul(&along(block, v, axis)?)?)
}

pub(in crate::ops) fn sum_product(
    block: Block,
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    summed: EdgeAxis,
) -> Result<Tensor> {
    sum(block, &a.broadcast_mul(&biased(b, bias)?)?, summed)
}

pub(in crate::ops) fn sum_product_grad(
    block: Block,
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    summed: EdgeAxis,
    g: &Tensor,
) -> Result<[Tensor; 2]> {
    let kept = if summed == EdgeAxis::Senders { EdgeAxis::Receivers } else { EdgeAxis::Senders };
    Ok([mul_nodes(block, &biased(b, bias)?, g, kept)?, mul_nodes(block, a, g, kept)?])
}

pub(in crate::ops) fn sum(block: Block, x: &Tensor, summed: EdgeAxis) -> Result<Tensor> {
    as_rows(&reference::sum_edges(&in_block(block, x)?, summed)?)
}

pub(in crate::ops) fn sum_rows(x: &Tensor) -> Result<Tensor> {
    x.sum(0)
}

pub(in crate::ops) fn dot_nodes(block: Block, dy: &Tensor, v: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    as_rows(&in_block(block, dy)?.mul(&along(block, v, axis)?)?.sum_keepdim(3)?)
}

pub(in crate::ops) fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    reference::unit_norm(x, guard)
}

pub(in crate::ops) fn unit_norm_grad(x: &Tensor, guard: Option<f64>, dy: &Tensor) -> Result<Tensor> {
    let var = Var::from_tensor(x)?;
    let grads = (reference::unit_norm(var.as_tensor(), guard)? * dy)?.sum_all()?.backward()?;
    grads.get(&var).map_or_else(|| x.zeros_like(), |grad| Ok(grad.clone()))
}

pub(in crate::ops) fn kept(x: &Tensor, mask: Mask) -> Result<Tensor> {
    let (n_rows, width) = x.dims2()?;
    x * Tensor::from_vec(mask.factors(n_rows, width), (n_rows, width), x.device())?.to_dtype(x.dtype())?
}
