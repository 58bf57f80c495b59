//! Kernels between edge blocks `[B, R, S, H]` and the nodes at their ends.

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{
    super::EdgeAxis,
    adapter::{Element, Kernel, View},
    simd::{Level, level, vectorized},
};

/// `e_ij ⊙ v_i` or `e_ij ⊙ v_j`.
pub(in crate::ops) struct SpreadMul {
    pub(in crate::ops) axis: EdgeAxis,
}
/// `r_i + s_j`.
pub(in crate::ops) struct OuterAdd;
/// `Σ_j e_ij` or `Σ_i e_ij`.
pub(in crate::ops) struct SumEdges {
    pub(in crate::ops) axis: EdgeAxis,
}

/// Sizes of an edge block.
#[derive(Clone, Copy)]
struct Block {
    n_receivers: usize,
    n_senders: usize,
    width: usize,
}

impl Block {
    fn of(dims: &[usize]) -> Self {
        Self { n_receivers: dims[1], n_senders: dims[2], width: dims[3] }
    }

    /// Values of one net's edges.
    fn n_edge_values(self) -> usize {
        self.n_receivers * self.n_senders * self.width
    }

    /// Values of one net's nodes at one end.
    fn n_node_values(self, axis: EdgeAxis) -> usize {
        self.width * if axis == EdgeAxis::Receivers { self.n_receivers } else { self.n_senders }
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

impl Kernel for SpreadMul {
    const NAME: &'static str = "spread_mul";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let (&[b, r, s, h], nodes) = (inputs[0], inputs[1]) else {
            bail!("{}: expected edges [B, R, S, H], found {:?}", Self::NAME, inputs[0])
        };
        let expected = [b, if self.axis == EdgeAxis::Receivers { r } else { s }, h];
        if nodes != expected {
            bail!("{}: expected nodes {expected:?}, found {nodes:?}", Self::NAME);
        }
        Ok(inputs[0].to_vec())
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let [e, v] = inputs else { unreachable!("two inputs") };
        let block = Block::of(e.dims);
        map_nets(e.dims[0], block.n_edge_values(), |net, y| {
            let e = of_net(e.values, net, block.n_edge_values());
            let v = of_net(v.values, net, block.n_node_values(self.axis));
            spread_mul(e, v, y, block.n_senders, block.width, self.axis);
        })
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let [e, v] = inputs else { unreachable!("two inputs") };
        let block = Block::of(e.dims);
        let de = self.forward(&[View { values: grad, dims: e.dims }, *v]);
        let n_node_values = block.n_node_values(self.axis);
        let dv = map_nets(e.dims[0], n_node_values, |net, dv| {
            let e = of_net(e.values, net, block.n_edge_values());
            let grad = of_net(grad, net, block.n_edge_values());
            sum_products(e, grad, dv, block.n_senders, block.width, self.axis);
        });
        vec![de, dv]
    }
}

impl Kernel for OuterAdd {
    const NAME: &'static str = "outer_add";
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match (inputs[0], inputs[1]) {
            (&[b, r, h], &[b2, s, h2]) if b == b2 && h == h2 => Ok(vec![b, r, s, h]),
            (r, s) => bail!("{}: expected [B, R, H] and [B, S, H], found {r:?} and {s:?}", Self::NAME),
        }
    }
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let [r, s] = inputs else { unreachable!("two inputs") };
        let (n_receivers, n_senders, width) = (r.dims[1], s.dims[1], r.width());
        map_nets(r.dims[0], n_receivers * n_senders * width, |net, y| {
            let r = of_net(r.values, net, n_receivers * width);
            let s = of_net(s.values, net, n_senders * width);
            outer_add(r, s, y, n_senders, width);
        })
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let [r, s] = inputs else { unreachable!("two inputs") };
        let dims = [r.dims[0], r.dims[1], s.dims[1], r.width()];
        let grad = [View { values: grad, dims: &dims }];
        [EdgeAxis::Senders, EdgeAxis::Receivers].map(|axis| SumEdges { axis }.forward(&grad)).into()
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
        let block = Block::of(e.dims);
        // The nodes that remain are those of the axis that is not summed away.
        let kept = if self.axis == EdgeAxis::Senders { EdgeAxis::Receivers } else { EdgeAxis::Senders };
        map_nets(e.dims[0], block.n_node_values(kept), |net, y| {
            sum_edges(of_net(e.values, net, block.n_edge_values()), y, block.n_senders, block.width, kept);
        })
    }
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let dims = inputs[0].dims;
        let block = Block::of(dims);
        let kept = if self.axis == EdgeAxis::Senders { EdgeAxis::Receivers } else { EdgeAxis::Senders };
        vec![map_nets(dims[0], block.n_edge_values(), |net, de| {
            spread(of_net(grad, net, block.n_node_values(kept)), de, block.n_senders, block.width, kept);
        })]
    }
}

/// The node row of edge row `edge`, counted over one net's block.
#[inline(always)]
fn node_row(edge: usize, n_senders: usize, axis: EdgeAxis) -> usize {
    if axis == EdgeAxis::Receivers { edge / n_senders } else { edge % n_senders }
}

vectorized! {
    fn spread_mul<T>(e: &[T], v: &[T], y: &mut [T], n_senders: usize, width: usize, axis: EdgeAxis) {
        for (edge, (e, y)) in e.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
            let v = &v[node_row(edge, n_senders, axis) * width..][..width];
            for ((y, e), v) in y.iter_mut().zip(e).zip(v) {
                *y = *e * *v;
            }
        }
    }
}

vectorized! {
    fn spread<T>(v: &[T], y: &mut [T], n_senders: usize, width: usize, axis: EdgeAxis) {
        for (edge, y) in y.chunks_exact_mut(width).enumerate() {
            y.copy_from_slice(&v[node_row(edge, n_senders, axis) * width..][..width]);
        }
    }
}

vectorized! {
    fn sum_products<T>(a: &[T], b: &[T], v: &mut [T], n_senders: usize, width: usize, axis: EdgeAxis) {
        for (edge, (a, b)) in a.chunks_exact(width).zip(b.chunks_exact(width)).enumerate() {
            let v = &mut v[node_row(edge, n_senders, axis) * width..][..width];
            for ((v, a), b) in v.iter_mut().zip(a).zip(b) {
                *v += *a * *b;
            }
        }
    }
}

vectorized! {
    fn sum_edges<T>(e: &[T], v: &mut [T], n_senders: usize, width: usize, axis: EdgeAxis) {
        for (edge, e) in e.chunks_exact(width).enumerate() {
            let v = &mut v[node_row(edge, n_senders, axis) * width..][..width];
            for (v, e) in v.iter_mut().zip(e) {
                *v += *e;
            }
        }
    }
}

vectorized! {
    fn outer_add<T>(r: &[T], s: &[T], y: &mut [T], n_senders: usize, width: usize) {
        for (r, y) in r.chunks_exact(width).zip(y.chunks_exact_mut(n_senders * width)) {
            for (s, y) in s.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                for ((y, r), s) in y.iter_mut().zip(r).zip(s) {
                    *y = *r + *s;
                }
            }
        }
    }
}
