//! Steps between the rows of edges and those of nodes.

use candle_core::{Result, Tensor};

use super::{Block, plain};
#[cfg(feature = "cuda")]
use crate::ops::cuda::{self, Kernel};
use crate::ops::{
    EdgeAxis,
    meter::{Kind, count},
};

/// `x ⊙ v` with each row's node at one end; x has the width of v, or one number a row.
pub(in crate::ops) fn mul_nodes(block: Block, x: &Tensor, v: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    count(Kind::Elementwise, &[x, v], 0, || {
        #[cfg(feature = "cuda")]
        if crate::ops::on_cuda(Kernel::MulNodes, x) {
            return cuda::steps::mul_nodes(block, x, v, axis);
        }
        plain::mul_nodes(block, x, v, axis)
    })
}

/// `Σ a ⊙ (b + bias)` over an axis: nodes of the other one. Where a has one number a row, it counts for all channels.
pub(in crate::ops) fn sum_product(
    block: Block,
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    summed: EdgeAxis,
) -> Result<Tensor> {
    let read: Vec<&Tensor> = [a, b].into_iter().chain(bias).collect();
    count(Kind::SumOverEdges, &read, 0, || {
        #[cfg(feature = "cuda")]
        if crate::ops::on_cuda(Kernel::SumProduct, b) {
            return cuda::steps::sum_product(block, a, b, bias, summed);
        }
        plain::sum_product(block, a, b, bias, summed)
    })
}

/// The gradients of [`sum_product`] for a and b, both of full width, from that of the nodes.
pub(in crate::ops) fn sum_product_grad(
    block: Block,
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    summed: EdgeAxis,
    g: &Tensor,
) -> Result<[Tensor; 2]> {
    let read: Vec<&Tensor> = [a, b, g].into_iter().chain(bias).collect();
    count(Kind::SumOverEdges, &read, 0, || {
        #[cfg(feature = "cuda")]
        if crate::ops::on_cuda(Kernel::SumProduct, b) {
            return cuda::steps::sum_product_grad(block, a, b, bias, summed, g);
        }
        plain::sum_product_grad(block, a, b, bias, summed, g)
    })
}

/// `Σ x` over an axis: nodes of the other one.
pub(in crate::ops) fn sum(block: Block, x: &Tensor, summed: EdgeAxis) -> Result<Tensor> {
    count(Kind::SumOverEdges, &[x], 0, || {
        #[cfg(feature = "cuda")]
        if crate::ops::on_cuda(Kernel::SumEdges, x) {
            return cuda::steps::sum(block, x, summed);
        }
        plain::sum(block, x, summed)
    })
}

/// The sum of all rows: the gradient of a bias.
pub(in crate::ops) fn sum_rows(x: &Tensor) -> Result<Tensor> {
    count(Kind::SumOverEdges, &[x], 0, || {
        #[cfg(feature = "cuda")]
        if crate::ops::on_cuda(Kernel::SumRows, x) {
            return cuda::steps::sum_rows(x);
        }
        plain::sum_rows(x)
    })
}

/// `Σ_c dy ⊙ v` of each row with its node at one end: the gradient of one number a row.
pub(in crate::ops) fn dot_nodes(block: Block, dy: &Tensor, v: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    count(Kind::Elementwise, &[dy, v], 0, || plain::dot_nodes(block, dy, v, axis))
}
