//! Sums of edge blocks `[B, R, S, H]` into the nodes at their ends.

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{
    super::EdgeAxis,
    adapter::{Element, Kernel, View},
    kernels::add_assign,
};

/// `Σ_j e_ij` or `Σ_i e_ij`.
pub(in crate::ops) struct SumEdges {
    pub(in crate::ops) axis: EdgeAxis,
}

/// Sizes of an edge block and the axis that remains when the other one is summed away.
#[derive(Clone, Copy)]
struct Block {
    n_receivers: usize,
    n_senders: usize,
    width: usize,
    kept: EdgeAxis,
}

impl Block {
    /// Values of one net's edges.
    fn n_edge_values(self) -> usize {
        self.n_receivers * self.n_senders * self.width
    }

    /// Values of one net's nodes that remain.
    fn n_node_values(self) -> usize {
        self.width * if self.kept == EdgeAxis::Receivers { self.n_receivers } else { self.n_senders }
    }

    /// The values of the node that edge row `edge` belongs to, counted over one net.
    fn node(self, edge: usize) -> std::ops::Range<usize> {
        let node =
            if self.kept == EdgeAxis::Receivers { edge / self.n_senders } else { edge % self.n_senders };
        node * self.width..(node + 1) * self.width
    }
}

impl SumEdges {
    fn block(&self, dims: &[usize]) -> Block {
        let kept = match self.axis {
            EdgeAxis::Senders => EdgeAxis::Receivers,
            EdgeAxis::Receivers => EdgeAxis::Senders,
        };
        Block { n_receivers: dims[1], n_senders: dims[2], width: dims[3], kept }
    }
}

impl Kernel for SumEdges {
    const NAME: &'static str = "sum_edges";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match *inputs[0] {
            [b, r, _, h] if self.axis == EdgeAxis::Senders => Ok(vec![b, r, h]),
            [b, _, s, h] => Ok(vec![b, s, h]),
            _ => bail!("{}: expected [B, R, S, H], found {:?}", Self::NAME, inputs[0]),
        }
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let e = inputs[0];
        let block = self.block(e.dims);
        map_nets(e.dims[0], block.n_node_values(), |net, nodes| {
            let edges = of_net(e.values, net, block.n_edge_values());
            for (edge, e) in edges.chunks_exact(block.width).enumerate() {
                add_assign(e, &mut nodes[block.node(edge)]);
            }
        })
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let dims = inputs[0].dims;
        let block = self.block(dims);
        vec![map_nets(dims[0], block.n_edge_values(), |net, edges| {
            let nodes = of_net(grad, net, block.n_node_values());
            for (edge, de) in edges.chunks_exact_mut(block.width).enumerate() {
                de.copy_from_slice(&nodes[block.node(edge)]);
            }
        })]
    }
}

/// Runs `f` on the nets of a batch in parallel; each writes its own stretch of the result.
fn map_nets<T: Element>(n_nets: usize, n_values: usize, f: impl Fn(usize, &mut [T]) + Sync) -> Vec<T> {
    let mut result = vec![T::zero(); n_nets * n_values];
    if n_values > 0 {
        result.par_chunks_mut(n_values).enumerate().for_each(|(net, result)| f(net, result));
    }
    result
}

/// The stretch of one net.
fn of_net<T>(values: &[T], net: usize, n_values: usize) -> &[T] {
    &values[net * n_values..(net + 1) * n_values]
}
