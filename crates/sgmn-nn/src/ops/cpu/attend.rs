//! Attention of each node over itself and the edges on both sides of it, side by side on all threads.

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, bail};
use rayon::prelude::*;

use super::{
    element::{Element, values},
    simd::{Level, level, vectorized},
};

/// See [`crate::ops::attend`]; blocks that are missing are empty.
///
/// The softmax is computed again on the way back: that is cheaper than keeping it.
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
    fn new(n_heads: usize, own: &[usize], incoming: &[usize], outgoing: &[usize]) -> Self {
        Self {
            n_nodes: own[1],
            n_incoming: incoming[2],
            n_outgoing: outgoing[1],
            n_heads,
            width: own[2] - n_heads,
        }
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
fn split<T>(values: &[T], length: usize, n_nets: usize) -> Vec<&[T]> {
    (0..n_nets).map(|net| &values[net * length..(net + 1) * length]).collect()
}

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
    fn forward_in<T: Element>(&self, stored: [(&CpuStorage, &Layout); 3]) -> Result<(CpuStorage, Shape)> {
        let dims = stored.map(|(_, layout)| layout.dims());
        let form = Form::new(self.n_heads, dims[0], dims[1], dims[2]);
        let n_nets = dims[0][0];
        let groups = stored.map(|(storage, layout)| values::<T>(storage, layout));
        let [own, incoming, outgoing] = groups;
        let lengths = form.lengths();
        let [own, incoming, outgoing] =
            [(own?, 0), (incoming?, 1), (outgoing?, 2)].map(|(x, i)| split(x, lengths[i], n_nets));
        let mut y = vec![T::zero(); n_nets * form.n_nodes * form.width];
        split_mut(&mut y, form.n_nodes * form.width, n_nets).into_par_iter().enumerate().for_each(
            |(net, y)| {
                let groups = [own[net], incoming[net], outgoing[net]];
                let mut sums = vec![T::zero(); form.n_nodes * 2 * form.n_heads];
                normalize(groups, &mut sums, form);
                gather(groups, &sums, y, form);
            },
        );
        Ok((T::to_cpu_storage_owned(y), (n_nets, form.n_nodes, form.width).into()))
    }

    fn backward_in<T: Element>(&self, x: [&Tensor; 3], y: &Tensor, g: &Tensor) -> Result<[Tensor; 3]> {
        let form = Form::new(self.n_heads, x[0].dims(), x[1].dims(), x[2].dims());
        let n_nets = x[0].dims()[0];
        let tensors = [x[0], x[1], x[2], y, g].map(Tensor::storage_and_layout);
        let [own, incoming, outgoing, y, g] = [0, 1, 2, 3, 4].map(|i| match &*tensors[i].0 {
            Storage::Cpu(storage) => values::<T>(storage, tensors[i].1),
            _ => bail!("attend: a gradient is on another device"),
        });
        let lengths = form.lengths();
        let [own, incoming, outgoing] =
            [(own?, 0), (incoming?, 1), (outgoing?, 2)].map(|(x, i)| split(x, lengths[i], n_nets));
        let of_nodes = form.n_nodes * form.width;
        let (y, g) = (split(y?, of_nodes, n_nets), split(g?, of_nodes, n_nets));
        let mut dx = lengths.map(|length| vec![T::zero(); n_nets * length]);
        let [d_own, d_incoming, d_outgoing] = &mut dx;
        let nets: Vec<[&mut [T]; 3]> = split_mut(d_own, lengths[0], n_nets)
            .into_iter()
            .zip(split_mut(d_incoming, lengths[1], n_nets))
            .zip(split_mut(d_outgoing, lengths[2], n_nets))
            .map(|((own, incoming), outgoing)| [own, incoming, outgoing])
            .collect();
        nets.into_par_iter().enumerate().for_each(|(net, d)| {
            let groups = [own[net], incoming[net], outgoing[net]];
            let mut sums = vec![T::zero(); form.n_nodes * 2 * form.n_heads];
            normalize(groups, &mut sums, form);
            scatter(groups, &sums, y[net], g[net], d, form);
        });
        let [d_own, d_incoming, d_outgoing] = dx;
        let tensor = |values: Vec<T>, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok([tensor(d_own, x[0])?, tensor(d_incoming, x[1])?, tensor(d_outgoing, x[2])?])
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

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let stored = [(s1, l1), (s2, l2), (s3, l3)];
        match s1 {
            CpuStorage::F64(_) => self.forward_in::<f64>(stored),
            _ => self.forward_in::<f32>(stored),
        }
    }

    fn bwd(
        &self,
        own: &Tensor,
        incoming: &Tensor,
        outgoing: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = g.contiguous()?;
        let x = [own, incoming, outgoing];
        let [own, incoming, outgoing] = match g.dtype() {
            DType::F64 => self.backward_in::<f64>(x, y, &g)?,
            _ => self.backward_in::<f32>(x, y, &g)?,
        };
        Ok((Some(own), Some(incoming), Some(outgoing)))
    }
}
