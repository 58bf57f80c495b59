//! The operations that have CUDA kernels, with their gradients; formulas and shapes stand at [`crate::ops`].

mod gather;
mod nets;
mod optimizer;

pub(in crate::ops) use self::{
    gather::{aggregate, attend},
    nets::{run_mlps, run_nets},
};

use candle_core::{Result, Shape, Tensor};
use rand::Rng;
use sgmn_graph::Seed;

pub(in crate::ops) use self::optimizer::{adamw, total_squares};
use super::{
    adapter::{Operation, apply1, apply2, run},
    launch::{self, Axis, Launch, Rows},
};
use crate::ops::{EdgeAxis, Symmetrize};

struct NormSilu(Symmetrize);
struct BiasSilu(Symmetrize);
struct AddBias;
struct SumEdges(EdgeAxis);
struct Spread {
    n_others: usize,
    axis: EdgeAxis,
}
struct UnitNorm(Option<f64>);
struct Abs;
struct Dropout {
    p: f64,
    key: u64,
}

pub(in crate::ops) fn norm_silu(
    x: &Tensor,
    b: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    signs: Symmetrize,
) -> Result<Tensor> {
    apply2(NormSilu(signs), x, &Tensor::cat(&[b, gamma, beta], 0)?)
}

pub(in crate::ops) fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    apply2(BiasSilu(signs), x, b)
}

pub(in crate::ops) fn add_bias(x: &Tensor, b: &Tensor) -> Result<Tensor> {
    apply2(AddBias, x, b)
}

pub(in crate::ops) fn sum_edges(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    e.dims4()?;
    apply1(SumEdges(axis), e)
}

pub(in crate::ops) fn spread(v: &Tensor, n_others: usize, axis: EdgeAxis) -> Result<Tensor> {
    v.dims3()?;
    apply1(Spread { n_others, axis }, v)
}

pub(in crate::ops) fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    apply1(UnitNorm(guard), x)
}

pub(in crate::ops) fn abs(x: &Tensor) -> Result<Tensor> {
    apply1(Abs, x)
}

pub(in crate::ops) fn dropout(x: &Tensor, p: f64, seed: &Seed) -> Result<Tensor> {
    apply1(Dropout { p, key: key(seed) }, x)
}

/// The key of a mask.
pub(super) fn key(seed: &Seed) -> u64 {
    seed.rng().next_u64()
}

/// Splits `[dx, parts of sums]` and adds the parts.
fn split(out: &Tensor, x: &Tensor, n_sums: usize) -> Result<[Tensor; 2]> {
    let (n, parts) = (x.elem_count(), Rows::of(x.dims()).parts());
    let dx = out.narrow(0, 0, n)?.reshape(x.shape())?;
    let sums = out.narrow(0, n, parts * n_sums)?;
    Ok([dx, run(&Rows { n_rows: parts, width: n_sums }.sum(1), &[&sums])?])
}

impl Operation for NormSilu {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        (Rows::of(dims[0]).norm_silu(self.0), dims[0].into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let (x, packed) = (inputs[0], inputs[1]);
        let out = run(&Rows::of(x.dims()).norm_silu_grad(self.0), &[x, packed, grad])?;
        Ok(split(&out, x, packed.elem_count())?.into())
    }
}

impl Operation for BiasSilu {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        (Rows::of(dims[0]).bias_silu(self.0), dims[0].into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let (x, b) = (inputs[0], inputs[1]);
        let out = run(&Rows::of(x.dims()).bias_silu_grad(self.0), &[x, b, grad])?;
        Ok(split(&out, x, b.elem_count())?.into())
    }
}

impl Operation for AddBias {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        (Rows::of(dims[0]).add_bias(), dims[0].into())
    }
    fn backward(&self, _inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let rows = Rows::of(grad.dims());
        let parts = rows.sum_parts();
        let sums = run(&rows.sum(parts), &[grad])?;
        let sums = if parts == 1 { sums } else { run(&Rows { n_rows: parts, ..rows }.sum(1), &[&sums])? };
        Ok(vec![grad.clone(), sums])
    }
}

impl Operation for SumEdges {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        let [b, r, s, h] = four(dims[0]);
        let shape = if self.0 == EdgeAxis::Senders { (b, r, h) } else { (b, s, h) };
        (Axis::of_edges([b, r, s, h], self.0).sum(), shape.into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let e = inputs[0];
        let repeated = run(&Axis::of_edges(four(e.dims()), self.0).repeat(), &[grad])?;
        Ok(vec![repeated.reshape(e.shape())?])
    }
}

impl Spread {
    /// The edge block, and its axis along which rows are repeated.
    fn block(&self, dims: &[usize]) -> ([usize; 4], EdgeAxis) {
        let (b, n, h) = (dims[0], dims[1], dims[2]);
        match self.axis {
            EdgeAxis::Receivers => ([b, n, self.n_others, h], EdgeAxis::Senders),
            EdgeAxis::Senders => ([b, self.n_others, n, h], EdgeAxis::Receivers),
        }
    }
}

impl Operation for Spread {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        let (block, repeated) = self.block(dims[0]);
        (Axis::of_edges(block, repeated).repeat(), block.as_slice().into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let (block, repeated) = self.block(inputs[0].dims());
        let summed = run(&Axis::of_edges(block, repeated).sum(), &[grad])?;
        Ok(vec![summed.reshape(inputs[0].shape())?])
    }
}

impl Operation for UnitNorm {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        (Rows::of(dims[0]).unit_norm(self.0), dims[0].into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let x = inputs[0];
        let dx = run(&Rows::of(x.dims()).unit_norm_grad(self.0), &[x, grad])?;
        Ok(vec![dx.reshape(x.shape())?])
    }
}

impl Operation for Abs {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        (launch::absolute(dims[0].iter().product()), dims[0].into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let x = inputs[0];
        Ok(vec![run(&launch::absolute_grad(x.elem_count()), &[x, grad])?.reshape(x.shape())?])
    }
}

impl Operation for Dropout {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape) {
        (launch::dropout(dims[0].iter().product(), self.p, self.key), dims[0].into())
    }
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let n = grad.elem_count();
        Ok(vec![run(&launch::dropout(n, self.p, self.key), &[grad])?.reshape(inputs[0].shape())?])
    }
}

fn four(dims: &[usize]) -> [usize; 4] {
    dims.try_into().expect("the operation was applied to an edge block")
}

#[cfg(test)]
mod tests;
