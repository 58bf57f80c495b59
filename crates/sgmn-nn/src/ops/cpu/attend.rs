//! Attention of each node over itself and the edges on both sides of it, side by side on all threads.

use rayon::prelude::*;

use super::{
    element::Element,
    simd::{Level, level, vectorized},
};

/// See [`crate::ops::attend`]; blocks that are missing are empty.
///
/// The softmax is computed again on the way back: that is cheaper than keeping it.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Attend {
    pub(in crate::ops) n_heads: usize,
}

/// Sizes of one net: its nodes, how many edges enter and leave each, heads and channels.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Form {
    n_nodes: usize,
    n_incoming: usize,
    n_outgoing: usize,
    n_heads: usize,
    width: usize,
}

impl Form {
    fn new(n_heads: usize, [own, incoming, outgoing]: [[usize; 4]; 3]) -> Self {
        let [_, n_nodes, _, row] = own;
        Self { n_nodes, n_incoming: incoming[2], n_outgoing: outgoing[1], n_heads, width: row - n_heads }
    }

    /// The rows of one net, also where it has none of a group.
    fn of_net<T>(self, x: [&[T]; 3], net: usize) -> [&[T]; 3] {
        let lengths = self.lengths();
        [0, 1, 2].map(|i| &x[i][net * lengths[i]..(net + 1) * lengths[i]])
    }

    /// Values of one net's own rows, incoming and outgoing edges.
    fn lengths(self) -> [usize; 3] {
        [1, self.n_incoming, self.n_outgoing].map(|n| n * self.n_nodes * self.row())
    }

    /// Logits and values of one row.
    fn row(self) -> usize {
        self.n_heads + self.width
    }

    /// The node that reads a row of group 0 (own), 1 (incoming) or 2 (outgoing).
    #[inline(always)]
    fn node(self, group: usize, row: usize) -> usize {
        match group {
            0 => row,
            1 => row / self.n_incoming,
            _ => row % self.n_nodes,
        }
    }
}

/// The rows of each net, also where nets have none.
fn split_mut<T>(mut values: &mut [T], length: usize, n_nets: usize) -> Vec<&mut [T]> {
    let mut nets = Vec::with_capacity(n_nets);
    for _ in 0..n_nets {
        let (net, rest) = values.split_at_mut(length);
        nets.push(net);
        values = rest;
    }
    nets
}

impl Attend {
    /// Shape of the result for own rows of a shape.
    pub(in crate::ops) fn shape(&self, [n_nets, n_nodes, _, row]: [usize; 4]) -> [usize; 4] {
        [n_nets, n_nodes, 1, row - self.n_heads]
    }

    /// Writes the result, zeros before.
    pub(in crate::ops) fn forward<T: Element>(&self, x: [&[T]; 3], dims: [[usize; 4]; 3], y: &mut [T]) {
        let (form, n_nets) = (Form::new(self.n_heads, dims), dims[0][0]);
        let nets = split_mut(y, form.n_nodes * form.width, n_nets);
        nets.into_par_iter().enumerate().for_each(|(net, y)| {
            let groups = form.of_net(x, net);
            let mut sums = vec![T::zero(); form.n_nodes * 2 * form.n_heads];
            normalize(groups, &mut sums, form);
            gather(groups, &sums, y, form);
        });
    }

    /// Writes the gradients of all rows from the result and its gradient.
    pub(in crate::ops) fn backward<T: Element>(
        &self,
        x: [&[T]; 3],
        dims: [[usize; 4]; 3],
        y: &[T],
        g: &[T],
        dx: [&mut [T]; 3],
    ) {
        let (form, n_nets) = (Form::new(self.n_heads, dims), dims[0][0]);
        let lengths = form.lengths();
        let [own, incoming, outgoing] = dx;
        let nets: Vec<[&mut [T]; 3]> = split_mut(own, lengths[0], n_nets)
            .into_iter()
            .zip(split_mut(incoming, lengths[1], n_nets))
            .zip(split_mut(outgoing, lengths[2], n_nets))
            .map(|((own, incoming), outgoing)| [own, incoming, outgoing])
            .collect();
        nets.into_par_iter().enumerate().for_each(|(net, d)| {
            let groups = form.of_net(x, net);
            let nodes = net * form.n_nodes * form.width..(net + 1) * form.n_nodes * form.width;
            let mut sums = vec![T::zero(); form.n_nodes * 2 * form.n_heads];
            normalize(groups, &mut sums, form);
            scatter(groups, &sums, &y[nodes.clone()], &g[nodes], d, form);
        });
    }
}

vectorized! {
    /// For each node and head the largest logit, and the sum of `exp(logit − largest)`; zeros before.
    fn normalize<T, FUSED>(groups: [&[T]; 3], sums: &mut [T], form: Form) {
        let heads = form.n_heads;
        for (sums, own) in sums.chunks_exact_mut(2 * heads).zip(groups[0].chunks_exact(form.row())) {
            sums[..heads].copy_from_slice(&own[..heads]);
        }
        for (group, rows) in groups.iter().enumerate().skip(1) {
            for (row, x) in rows.chunks_exact(form.row()).enumerate() {
                let start = form.node(group, row) * 2 * heads;
                for (largest, x) in sums[start..start + heads].iter_mut().zip(x) {
                    *largest = largest.larger(*x);
                }
            }
        }
        for (group, rows) in groups.iter().enumerate() {
            for (row, x) in rows.chunks_exact(form.row()).enumerate() {
                let start = form.node(group, row) * 2 * heads;
                let (largest, sum) = sums[start..start + 2 * heads].split_at_mut(heads);
                for h in 0..heads {
                    sum[h] += (x[h] - largest[h]).exp::<FUSED>();
                }
            }
        }
    }
}

vectorized! {
    /// `y_i = Σ_j a_ij v_ij`, zeros before.
    fn gather<T, FUSED>(groups: [&[T]; 3], sums: &[T], y: &mut [T], form: Form) {
        let (heads, width) = (form.n_heads, form.width);
        let d_head = width / heads;
        for (group, rows) in groups.iter().enumerate() {
            for (row, x) in rows.chunks_exact(form.row()).enumerate() {
                let node = form.node(group, row);
                let (largest, sum) = sums[node * 2 * heads..(node + 1) * 2 * heads].split_at(heads);
                let (logits, x) = x.split_at(heads);
                let y = &mut y[node * width..(node + 1) * width];
                for h in 0..heads {
                    let weight = (logits[h] - largest[h]).exp::<FUSED>() / sum[h];
                    let channels = h * d_head..(h + 1) * d_head;
                    for (y, x) in y[channels.clone()].iter_mut().zip(&x[channels]) {
                        *y = x.times_plus::<FUSED>(weight, *y);
                    }
                }
            }
        }
    }
}

vectorized! {
    /// `dv_ij = a_ij g_i` and `d logit_ij = a_ij ⟨g_i, v_ij − y_i⟩`, over the channels of each head.
    fn scatter<T, FUSED>(groups: [&[T]; 3], sums: &[T], y: &[T], g: &[T], d: [&mut [T]; 3], form: Form) {
        let (heads, width) = (form.n_heads, form.width);
        let d_head = width / heads;
        for (group, (rows, d)) in groups.into_iter().zip(d).enumerate() {
            for (row, (x, d)) in rows.chunks_exact(form.row()).zip(d.chunks_exact_mut(form.row())).enumerate() {
                let node = form.node(group, row);
                let (largest, sum) = sums[node * 2 * heads..(node + 1) * 2 * heads].split_at(heads);
                let (logits, x) = x.split_at(heads);
                let (d_logits, d) = d.split_at_mut(heads);
                for h in 0..heads {
                    let weight = (logits[h] - largest[h]).exp::<FUSED>() / sum[h];
                    let mut slope = T::zero();
                    for c in h * d_head..(h + 1) * d_head {
                        let g = g[node * width + c];
                        d[c] = weight * g;
                        slope = g.times_plus::<FUSED>(x[c] - y[node * width + c], slope);
                    }
                    d_logits[h] = weight * slope;
                }
            }
        }
    }
}
