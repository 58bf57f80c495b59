//! Mean, deviation, minimum and maximum of the edges at each node, side by side on all threads.

use rayon::prelude::*;

use super::{
    element::Element,
    simd::{Level, level, vectorized},
};
use crate::ops::{EdgeAxis, VARIANCE_EPS};

/// `[mean, √(variance + ε), min, max]` over one axis of a block of edges.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Aggregate {
    /// The axis that is summed away.
    pub(in crate::ops) over: EdgeAxis,
}

/// R, S, H of the edges of one net, and which of its nodes remain.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Form {
    n_receivers: usize,
    n_senders: usize,
    width: usize,
    keeps_receivers: bool,
}

impl Form {
    fn n_kept(self) -> usize {
        if self.keeps_receivers { self.n_receivers } else { self.n_senders }
    }

    /// Values of one net's edges.
    fn of_edges(self) -> usize {
        self.n_receivers * self.n_senders * self.width
    }

    /// Values of one net's results.
    fn of_nodes(self) -> usize {
        self.n_kept() * 4 * self.width
    }

    fn n_summed(self) -> usize {
        if self.keeps_receivers { self.n_senders } else { self.n_receivers }
    }

    /// The node that remains of the edge with this number.
    #[inline(always)]
    fn node(self, edge: usize) -> usize {
        if self.keeps_receivers { edge / self.n_senders } else { edge % self.n_senders }
    }
}

impl Aggregate {
    /// Shape of the result for edges of a shape.
    pub(in crate::ops) fn shape(&self, [n_nets, r, s, h]: [usize; 4]) -> [usize; 4] {
        [n_nets, if self.over == EdgeAxis::Senders { r } else { s }, 1, 4 * h]
    }

    /// Writes the result, zeros before.
    pub(in crate::ops) fn forward<T: Element>(&self, x: &[T], dims: [usize; 4], y: &mut [T]) {
        let form = self.form(dims);
        if !x.is_empty() {
            let nets = y.par_chunks_mut(form.of_nodes()).zip(x.par_chunks(form.of_edges()));
            nets.for_each(|(y, x)| aggregate(x, y, form));
        }
    }

    /// Writes the gradient of the edges from the result and its gradient.
    pub(in crate::ops) fn backward<T: Element>(
        &self,
        x: &[T],
        dims: [usize; 4],
        y: &[T],
        g: &[T],
        dx: &mut [T],
    ) {
        let form = self.form(dims);
        if !x.is_empty() {
            dx.par_chunks_mut(form.of_edges())
                .zip(x.par_chunks(form.of_edges()))
                .zip(y.par_chunks(form.of_nodes()).zip(g.par_chunks(form.of_nodes())))
                .for_each(|((dx, x), (y, g))| aggregate_grad(dx, x, y, g, form));
        }
    }

    fn form(&self, [_, n_receivers, n_senders, width]: [usize; 4]) -> Form {
        Form { n_receivers, n_senders, width, keeps_receivers: self.over == EdgeAxis::Senders }
    }
}

vectorized! {
    /// `y`, zeros before, of the edges `x` of one net.
    fn aggregate<T, FUSED>(x: &[T], y: &mut [T], form: Form) {
        let width = form.width;
        let share = T::from_f64(1.0 / form.n_summed() as f64);
        let first = if form.keeps_receivers { form.n_senders } else { 1 };
        for (node, y) in y.chunks_exact_mut(4 * width).enumerate() {
            let start = node * first * width;
            y[2 * width..3 * width].copy_from_slice(&x[start..start + width]);
            y[3 * width..].copy_from_slice(&x[start..start + width]);
        }
        for (edge, x) in x.chunks_exact(width).enumerate() {
            let start = form.node(edge) * 4 * width;
            let (mean, rest) = y[start..start + 4 * width].split_at_mut(width);
            let (low, high) = rest[width..].split_at_mut(width);
            for c in 0..width {
                mean[c] = x[c].times_plus::<FUSED>(share, mean[c]);
                low[c] = if x[c] < low[c] { x[c] } else { low[c] };
                high[c] = if x[c] > high[c] { x[c] } else { high[c] };
            }
        }
        for (edge, x) in x.chunks_exact(width).enumerate() {
            let start = form.node(edge) * 4 * width;
            let (mean, deviation) = y[start..start + 2 * width].split_at_mut(width);
            for c in 0..width {
                let apart = x[c] - mean[c];
                deviation[c] = (apart * share).times_plus::<FUSED>(apart, deviation[c]);
            }
        }
        for y in y.chunks_exact_mut(4 * width) {
            for deviation in &mut y[width..2 * width] {
                *deviation = (*deviation + T::from_f64(VARIANCE_EPS)).sqrt();
            }
        }
    }
}

vectorized! {
    /// The gradient `dx` of the edges `x` of one net, from the result `y` and its gradient `g`.
    fn aggregate_grad<T, FUSED>(dx: &mut [T], x: &[T], y: &[T], g: &[T], form: Form) {
        let width = form.width;
        let share = T::from_f64(1.0 / form.n_summed() as f64);
        // The deviation's gradient divided by it, once a node instead of once an edge.
        let mut slopes = vec![T::zero(); form.n_kept() * width];
        for (slopes, (y, g)) in
            slopes.chunks_exact_mut(width).zip(y.chunks_exact(4 * width).zip(g.chunks_exact(4 * width)))
        {
            for c in 0..width {
                slopes[c] = g[width + c] * share / y[width + c];
            }
        }
        for (edge, (dx, x)) in dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).enumerate() {
            let node = form.node(edge);
            let slopes = &slopes[node * width..(node + 1) * width];
            let (mean, rest) = y[node * 4 * width..(node + 1) * 4 * width].split_at(width);
            let (low, high) = rest[width..].split_at(width);
            let (d_mean, rest) = g[node * 4 * width..(node + 1) * 4 * width].split_at(width);
            let (d_low, d_high) = rest[width..].split_at(width);
            for c in 0..width {
                let smooth = (x[c] - mean[c]).times_plus::<FUSED>(slopes[c], d_mean[c] * share);
                let of_low = if x[c] == low[c] { d_low[c] } else { T::zero() };
                let of_high = if x[c] == high[c] { d_high[c] } else { T::zero() };
                dx[c] = smooth + of_low + of_high;
            }
        }
    }
}
