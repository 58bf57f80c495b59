//! The kernels of steps over all rows; formulas and shapes stand at the functions of [`crate::ops::steps`].

use candle_core::{Result, Tensor};

use super::{
    adapter::run,
    launch::{
        self, Axis, Rows,
        steps::{Flags, Steps},
    },
};
use crate::ops::{
    EdgeAxis, Symmetrize,
    cpu::kernels::Mask,
    steps::{Addends, Block},
};

/// The operands of a sum in the order of the kernels; `any` stands where there is none.
fn operands<'a>(x: &'a Addends, any: &'a Tensor) -> [&'a Tensor; 3] {
    let node = |i: usize| x.nodes.get(i).map_or(any, |(nodes, _)| nodes);
    [x.rows.as_ref().unwrap_or(any), node(0), node(1)]
}

/// Rows of nets alone, where neither receivers nor senders matter.
fn rows_of(x: &Tensor) -> Result<Steps> {
    let (n_rows, width) = x.dims2()?;
    Ok(Steps { block: Block { b: n_rows, r: 1, s: 1 }, width })
}

fn in_block(block: Block, x: &Tensor) -> Result<Steps> {
    Ok(Steps { block, width: x.dim(1)? })
}

/// Two outputs that lie one behind the other.
fn halves(out: &Tensor, like: &Tensor) -> Result<[Tensor; 2]> {
    let n = like.elem_count();
    let half = |i: usize| out.narrow(0, i * n, n)?.reshape(like.shape());
    Ok([half(0)?, half(1)?])
}

pub(in crate::ops) fn add_up(
    block: Block,
    x: &Addends,
    more: Option<&Tensor>,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let first = x.rows.iter().chain(x.nodes.iter().map(|(nodes, _)| nodes)).chain(more).next();
    let any = first.expect("a sum has an addend");
    let steps = in_block(block, any)?;
    let [rows, a, b] = operands(x, any);
    let flags = Flags::of(x).with_more(more.is_some()).with_bias(bias.is_some());
    let y = run(&steps.add_up(flags), &[rows, more.unwrap_or(any), a, b, bias.unwrap_or(any)])?;
    y.reshape((block.n_rows(), steps.width))
}

pub(in crate::ops) fn norm_silu(
    block: Block,
    x: &Addends,
    packed: &Tensor,
    signs: Symmetrize,
) -> Result<Tensor> {
    let steps = Steps { block, width: packed.elem_count() / 3 };
    let [rows, a, b] = operands(x, packed);
    let y = run(&steps.norm_silu(signs, Flags::of(x)), &[rows, a, b, packed])?;
    y.reshape((block.n_rows(), steps.width))
}

pub(in crate::ops) fn norm_silu_grad(
    block: Block,
    x: &Addends,
    packed: &Tensor,
    signs: Symmetrize,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    let steps = Steps { block, width: packed.elem_count() / 3 };
    let [rows, a, b] = operands(x, packed);
    let out = run(&steps.norm_silu_grad(signs, Flags::of(x)), &[rows, a, b, packed, dy])?;
    split(&out, dy, packed.elem_count(), steps.parts())
}

/// Splits `[dx, parts of sums]` and adds the parts.
fn split(out: &Tensor, dx: &Tensor, n_sums: usize, parts: usize) -> Result<[Tensor; 2]> {
    let n = dx.elem_count();
    let sums = out.narrow(0, n, parts * n_sums)?;
    let sums = run(&Rows { n_rows: parts, width: n_sums }.sum(1), &[&sums])?;
    Ok([out.narrow(0, 0, n)?.reshape(dx.shape())?, sums])
}

pub(in crate::ops) fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    run(&Rows::of(x.dims()).bias_silu(signs), &[x, b])?.reshape(x.shape())
}

pub(in crate::ops) fn bias_silu_grad(
    x: &Tensor,
    b: &Tensor,
    signs: Symmetrize,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    let rows = Rows::of(x.dims());
    let out = run(&rows.bias_silu_grad(signs), &[x, b, dy])?;
    split(&out, x, b.elem_count(), rows.parts())
}

pub(in crate::ops) fn mul(a: &Tensor, b: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let flags = Flags::default().with_bias(bias.is_some());
    run(&rows_of(a)?.mul(flags), &[a, b, bias.unwrap_or(a)])?.reshape(a.shape())
}

pub(in crate::ops) fn mul_grad(
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    dy: &Tensor,
) -> Result<[Tensor; 2]> {
    let flags = Flags::default().with_bias(bias.is_some());
    halves(&run(&rows_of(a)?.mul_grad(flags), &[a, b, bias.unwrap_or(a), dy])?, a)
}

pub(in crate::ops) fn mul_nodes(block: Block, x: &Tensor, v: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    let steps = in_block(block, v)?;
    let y = run(&steps.mul_nodes(x.dim(1)?, Flags::default().at(axis)), &[x, v])?;
    y.reshape((block.n_rows(), steps.width))
}

pub(in crate::ops) fn sum_product(
    block: Block,
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    summed: EdgeAxis,
) -> Result<Tensor> {
    let steps = in_block(block, b)?;
    let flags = Flags::default().with_bias(bias.is_some());
    let y = run(&steps.sum_product(a.dim(1)?, summed, flags), &[a, b, bias.unwrap_or(b)])?;
    y.reshape(((), steps.width))
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
    let flags = Flags::default().with_bias(bias.is_some()).at(kept);
    halves(&run(&in_block(block, b)?.sum_product_grad(flags), &[a, b, bias.unwrap_or(b), g])?, b)
}

pub(in crate::ops) fn sum(block: Block, x: &Tensor, summed: EdgeAxis) -> Result<Tensor> {
    let Block { b, r, s } = block;
    let width = x.dim(1)?;
    run(&Axis::of_edges([b, r, s, width], summed).sum(), &[x])?.reshape(((), width))
}

pub(in crate::ops) fn sum_rows(x: &Tensor) -> Result<Tensor> {
    let rows = Rows::of(x.dims());
    let parts = rows.sum_parts();
    let sums = run(&rows.sum(parts), &[x])?;
    if parts == 1 { Ok(sums) } else { run(&Rows { n_rows: parts, ..rows }.sum(1), &[&sums]) }
}

pub(in crate::ops) fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    run(&Rows::of(x.dims()).unit_norm(guard), &[x])?.reshape(x.shape())
}

pub(in crate::ops) fn unit_norm_grad(x: &Tensor, guard: Option<f64>, dy: &Tensor) -> Result<Tensor> {
    run(&Rows::of(x.dims()).unit_norm_grad(guard), &[x, dy])?.reshape(x.shape())
}

pub(in crate::ops) fn kept(x: &Tensor, mask: Mask) -> Result<Tensor> {
    run(&rows_of(x)?.kept(mask), &[x])?.reshape(x.shape())
}

/// Whether a kernel of steps can serve rows of a width.
pub(super) fn fits(width: usize) -> bool {
    width <= launch::steps::MOST_WIDTH_IN_REGISTERS
}
