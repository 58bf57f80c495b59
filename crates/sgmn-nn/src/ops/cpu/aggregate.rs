//! Mean, deviation, minimum and maximum of the edges at each node, side by side on all threads.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Storage, Tensor, WithDType, bail};
use rayon::prelude::*;

use super::{
    element::{Element, values},
    simd::{Level, level, vectorized},
};
use crate::ops::{EdgeAxis, VARIANCE_EPS};

/// `[mean, √(variance + ε), min, max]` over one axis of a block of edges.
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
    fn form(&self, dims: &[usize]) -> Form {
        let &[_, n_receivers, n_senders, width] = dims else { unreachable!("edges have four axes") };
        Form { n_receivers, n_senders, width, keeps_receivers: self.over == EdgeAxis::Senders }
    }

    fn forward<T: Element>(&self, x: &[T], form: Form, n_nets: usize) -> Vec<T> {
        let mut y = vec![T::zero(); n_nets * form.n_kept() * 4 * form.width];
        if !x.is_empty() {
            let nets = y.par_chunks_mut(form.n_kept() * 4 * form.width);
            nets.zip(x.par_chunks(form.n_kept() * form.n_summed() * form.width))
                .for_each(|(y, x)| aggregate(x, y, form));
        }
        y
    }

    fn backward_in<T: Element>(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        let form = self.form(x.dims());
        let tensors = [x, y, g].map(Tensor::storage_and_layout);
        let [x_values, y_values, g_values] = [0, 1, 2].map(|i| match &*tensors[i].0 {
            Storage::Cpu(storage) => values::<T>(storage, tensors[i].1),
            _ => bail!("aggregate: a gradient is on another device"),
        });
        let (x_values, y_values, g_values) = (x_values?, y_values?, g_values?);
        let mut dx = vec![T::zero(); x.elem_count()];
        if !dx.is_empty() {
            let (of_edges, of_nodes) =
                (form.n_kept() * form.n_summed() * form.width, form.n_kept() * 4 * form.width);
            dx.par_chunks_mut(of_edges)
                .zip(x_values.par_chunks(of_edges))
                .zip(y_values.par_chunks(of_nodes).zip(g_values.par_chunks(of_nodes)))
                .for_each(|((dx, x), (y, g))| aggregate_grad(dx, x, y, g, form));
        }
        Tensor::from_vec(dx, x.shape(), x.device())
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

impl CustomOp1 for Aggregate {
    fn name(&self) -> &'static str {
        "aggregate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let form = self.form(layout.dims());
        let n_nets = layout.dims()[0];
        let out = match storage {
            CpuStorage::F64(_) => {
                f64::to_cpu_storage_owned(self.forward(values::<f64>(storage, layout)?, form, n_nets))
            }
            _ => f32::to_cpu_storage_owned(self.forward(values::<f32>(storage, layout)?, form, n_nets)),
        };
        Ok((out, (n_nets, form.n_kept(), 4 * form.width).into()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.contiguous()?;
        Ok(Some(match g.dtype() {
            DType::F64 => self.backward_in::<f64>(x, y, &g)?,
            _ => self.backward_in::<f32>(x, y, &g)?,
        }))
    }
}
