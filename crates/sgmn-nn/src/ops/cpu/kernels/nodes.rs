//! Kernels between rows of edges and the rows of the nodes at one of their ends.
//!
//! `at` names the node of each edge row; nodes have the edges' width.

use super::{Element, LANES, for_each_lane, given, sum};
use crate::ops::cpu::simd::{Level, level, vectorized};

/// The row of node `n`.
#[inline(always)]
fn row<T>(nodes: &[T], n: u32, width: usize) -> &[T] {
    &nodes[n as usize * width..][..width]
}

/// The row of node `n`, to be changed.
#[inline(always)]
fn row_mut<T>(nodes: &mut [T], n: u32, width: usize) -> &mut [T] {
    &mut nodes[n as usize * width..][..width]
}

vectorized! {
    /// `y = v`.
    fn copy_nodes<T, FUSED>(nodes: &[T], at: &[u32], width: usize, y: &mut [T]) {
        for (y, n) in y.chunks_exact_mut(width).zip(at) {
            y.copy_from_slice(row(nodes, *n, width));
        }
    }
}

vectorized! {
    /// `y += v`.
    fn add_nodes<T, FUSED>(nodes: &[T], at: &[u32], width: usize, y: &mut [T]) {
        for (y, n) in y.chunks_exact_mut(width).zip(at) {
            let v = row(nodes, *n, width);
            for_each_lane!(width, [v], [y], |i| { y[i] += v[i]; });
        }
    }
}

vectorized! {
    /// Gives `x ⊙ v` to `y`.
    fn mul_nodes<T, FUSED>(x: &[T], nodes: &[T], at: &[u32], width: usize, first: bool, y: &mut [T]) {
        for ((x, y), n) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(at) {
            let v = row(nodes, *n, width);
            for_each_lane!(width, [x, v], [y], |i| { y[i] = given(y[i], x[i] * v[i], first); });
        }
    }
}

vectorized! {
    /// Gives `g ⊙ b` to `da` and `g ⊙ a` to `db`, with g of the nodes: back through a sum of products.
    fn put_node_products<T, FUSED>(
        g: &[T], at: &[u32], width: usize, a: &[T], b: &[T], first_a: bool, da: &mut [T], first_b: bool, db: &mut [T],
    ) {
        let ends = a.chunks_exact(width).zip(b.chunks_exact(width)).zip(at);
        for (((a, b), n), (da, db)) in ends.zip(da.chunks_exact_mut(width).zip(db.chunks_exact_mut(width))) {
            let g = row(g, *n, width);
            for_each_lane!(width, [g, a, b], [da, db], |i| {
                da[i] = given(da[i], g[i] * b[i], first_a);
                db[i] = given(db[i], g[i] * a[i], first_b);
            });
        }
    }
}

vectorized! {
    /// Adds `g` to the nodes.
    fn add_to_nodes<T, FUSED>(g: &[T], at: &[u32], width: usize, nodes: &mut [T]) {
        for (g, n) in g.chunks_exact(width).zip(at) {
            let v = row_mut(nodes, *n, width);
            for_each_lane!(width, [g], [v], |i| { v[i] += g[i]; });
        }
    }
}

vectorized! {
    /// Adds `a ⊙ b` to the nodes.
    fn add_product_to_nodes<T, FUSED>(a: &[T], b: &[T], at: &[u32], width: usize, nodes: &mut [T]) {
        for ((a, b), n) in a.chunks_exact(width).zip(b.chunks_exact(width)).zip(at) {
            let v = row_mut(nodes, *n, width);
            for_each_lane!(width, [a, b], [v], |i| { v[i] = a[i].times_plus::<FUSED>(b[i], v[i]); });
        }
    }
}

vectorized! {
    /// `y = s v` with one number s an edge.
    fn outer<T, FUSED>(s: &[T], nodes: &[T], at: &[u32], width: usize, y: &mut [T]) {
        for ((s, y), n) in s.iter().zip(y.chunks_exact_mut(width)).zip(at) {
            let v = row(nodes, *n, width);
            for_each_lane!(width, [v], [y], |i| { y[i] = *s * v[i]; });
        }
    }
}

vectorized! {
    /// Adds `s g` to the nodes, and gives `g · v` to `ds`: the gradients of [`outer`]. An empty `ds` is left alone.
    fn outer_dot<T, FUSED>(
        g: &[T], s: &[T], nodes: &[T], at: &[u32], width: usize, dnodes: &mut [T], first: bool, ds: &mut [T],
    ) {
        for (((k, g), s), n) in g.chunks_exact(width).enumerate().zip(s).zip(at) {
            let dv = row_mut(dnodes, *n, width);
            for_each_lane!(width, [g], [dv], |i| { dv[i] = s.times_plus::<FUSED>(g[i], dv[i]); });
            if let Some(ds) = ds.get_mut(k) {
                let v = row(nodes, *n, width);
                let mut lanes = [T::zero(); LANES];
                for_each_lane!(width, [g, v], [], |i| { lanes[i] = g[i].times_plus::<FUSED>(v[i], lanes[i]); });
                *ds = given(*ds, sum(lanes), first);
            }
        }
    }
}
