//! Many nets of one form on the same inputs, side by side on all threads; backward into the inputs.
//!
//! Inputs lie in columns, so vectors run over them and serve layers of any width; a convolution is a product with the
//! windows that it reads. The way back computes the way forward again, net by net, which is cheaper than keeping all
//! signals of all nets in memory.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Storage, Tensor, bail};
use rayon::prelude::*;

use super::{
    buffers::Buffer,
    element::{Element, values},
    kernels::pointwise,
    matrix::{Onto, multiply, multiply_outer},
};
use crate::ops::nets::{Gather, LayerForm, NetForm};

/// Nets whose gradients of the inputs are added up by one thread; their sums are added in order.
const GROUP: usize = 4;

/// Nets of one form, whose parameters stand in a row a net.
pub(in crate::ops) struct Nets {
    pub(in crate::ops) form: NetForm,
}

impl Nets {
    /// Whether every activation has a kernel, and nothing is pooled.
    pub(in crate::ops) fn serves(form: &NetForm) -> bool {
        form.layers.iter().all(|layer| pointwise::serves(layer.activation) && layer.pool.is_none())
    }

    /// The mean over positions of each unit's values `[B, units, P]` for parameters `[B, n_params]` and inputs
    /// `[values, P]`.
    pub(in crate::ops) fn apply(self, params: &Tensor, inputs: &Tensor) -> Result<Tensor> {
        params.contiguous()?.apply_op2(&inputs.contiguous()?, self)
    }

    fn forward_in<T: Element>(&self, stored: [(&CpuStorage, &Layout); 2]) -> Result<CpuStorage> {
        let [params, inputs] = stored.map(|(storage, layout)| values::<T>(storage, layout));
        let (params, inputs) = (params?, inputs?);
        let (n_nets, n_inputs) = (stored[0].1.dims()[0], stored[1].1.dims()[1]);
        let n_row = self.form.n_units() * n_inputs;
        let mut out = vec![T::zero(); n_nets * n_row];
        if !out.is_empty() {
            let nets = out.par_chunks_mut(n_row).zip(params.par_chunks(self.form.n_params()));
            nets.for_each_init(
                || Run::new(&self.form, n_inputs),
                |run, (out, params)| {
                    run.forward(params, inputs, false);
                    run.average(out);
                },
            );
        }
        Ok(T::to_cpu_storage_owned(out))
    }

    fn backward_in<T: Element>(&self, params: &Tensor, inputs: &Tensor, d_out: &Tensor) -> Result<Tensor> {
        let tensors = [params, inputs, d_out].map(Tensor::storage_and_layout);
        let [p, x, g] = [0, 1, 2].map(|i| match &*tensors[i].0 {
            Storage::Cpu(storage) => values::<T>(storage, tensors[i].1),
            _ => bail!("nets: a gradient is on another device"),
        });
        let (p, x, g) = (p?, x?, g?);
        let n_inputs = inputs.dims()[1];
        let (n_params, n_row) = (self.form.n_params(), self.form.n_units() * n_inputs);
        let mut d_inputs = vec![T::zero(); x.len()];
        if !g.is_empty() && !x.is_empty() {
            let n_groups = params.dims()[0].div_ceil(GROUP);
            let mut sums = Buffer::<T>::zeros(n_groups * x.len());
            let groups = sums.par_chunks_mut(x.len()).zip(p.par_chunks(GROUP * n_params));
            groups.zip(g.par_chunks(GROUP * n_row)).for_each_init(
                || Run::new(&self.form, n_inputs),
                |run, ((sum, params), d_out)| {
                    for (params, d_out) in params.chunks(n_params).zip(d_out.chunks(n_row)) {
                        run.forward(params, x, true);
                        run.backward(params, d_out, sum);
                    }
                },
            );
            sums.chunks(x.len()).for_each(|sum| add(&mut d_inputs, sum));
        }
        Tensor::from_vec(d_inputs, inputs.shape(), inputs.device())
    }
}

/// What a thread needs to take all inputs through a net and back.
struct Run<'a, T: Element> {
    form: &'a NetForm,
    ranges: Vec<[Range<usize>; 2]>,
    /// Inputs, P.
    n: usize,
    /// After each layer, `[units, positions, P]`.
    signals: Vec<Buffer<T>>,
    /// Slopes of each layer's activation; on the way back, gradients of what it was taken of.
    slopes: Vec<Buffer<T>>,
    /// What a layer gathers, or the gradient of that.
    gathered: Buffer<T>,
    /// The gradient that a layer gives to the signal before it.
    upstream: Buffer<T>,
}

impl<'a, T: Element> Run<'a, T> {
    fn new(form: &'a NetForm, n: usize) -> Self {
        let signal = |layer: &LayerForm| Buffer::stale(layer.n_out * layer.positions * n);
        let largest = |of: fn(&LayerForm) -> usize| form.layers.iter().map(of).max().unwrap_or(0) * n;
        Self {
            form,
            ranges: form.ranges(),
            n,
            signals: form.layers.iter().map(signal).collect(),
            slopes: form.layers.iter().map(signal).collect(),
            gathered: Buffer::stale(largest(|layer| layer.d_in * layer.positions)),
            upstream: Buffer::stale(largest(|layer| {
                (layer.n_in * layer.positions_in).max(layer.n_out * layer.positions)
            })),
        }
    }

    /// `signal_{l+1} = σ(W_l gather(signal_l) + b_l)`.
    fn forward(&mut self, params: &[T], inputs: &[T], wants_slopes: bool) {
        for (l, layer) in self.form.layers.iter().enumerate() {
            let columns = layer.positions * self.n;
            let [weights, biases] = self.ranges[l].clone().map(|range| &params[range]);
            let (before, after) = self.signals.split_at_mut(l);
            let before: &[T] = before.last().map_or(inputs, |signal| &signal[..]);
            let after = &mut after[0][..layer.n_out * columns];
            for (row, bias) in after.chunks_exact_mut(columns).zip(biases) {
                row.fill(*bias);
            }
            let read = match layer.gather {
                Gather::AsIs => before,
                _ => {
                    let gathered = &mut self.gathered[..layer.d_in * columns];
                    gather(layer, before, gathered, self.n);
                    gathered
                }
            };
            multiply(weights, read, after, [layer.d_in, columns], Onto::Add);
            if wants_slopes {
                pointwise::activate_with_slope(layer.activation, after, &mut self.slopes[l][..after.len()]);
            } else {
                pointwise::activate(layer.activation, after);
            }
        }
    }

    /// Writes the mean over positions of every unit, layer after layer.
    fn average(&self, mut out: &mut [T]) {
        for (layer, signal) in self.form.layers.iter().zip(&self.signals) {
            let (own, rest) = out.split_at_mut(layer.n_out * self.n);
            means(signal, own, layer.positions, self.n);
            out = rest;
        }
    }

    /// Adds the gradient of the inputs that went forward last, with slopes.
    fn backward(&mut self, params: &[T], d_out: &[T], d_inputs: &mut [T]) {
        let n = self.n;
        let mut end = d_out.len();
        for (l, layer) in self.form.layers.iter().enumerate().rev() {
            let columns = layer.positions * n;
            let upstream = &mut self.upstream[..layer.n_out * columns];
            if l + 1 == self.form.layers.len() {
                upstream.fill(T::zero());
            }
            let d_means = &d_out[end - layer.n_out * n..end];
            end -= layer.n_out * n;
            spread_means(d_means, upstream, layer.positions, n);
            let d = &mut self.slopes[l][..layer.n_out * columns];
            pointwise::scale(d, upstream);
            let gathered = &mut self.gathered[..layer.d_in * columns];
            gathered.fill(T::zero());
            // Wᵀ d: the outer product over the layer's units.
            multiply_outer(&params[self.ranges[l][0].clone()], d, gathered, [columns, layer.d_in]);
            let before = &mut self.upstream[..layer.n_in * layer.positions_in * n];
            if l == 0 {
                scatter(layer, gathered, d_inputs, n);
            } else {
                before.fill(T::zero());
                scatter(layer, gathered, before, n);
            }
        }
    }
}

/// Writes what a layer's weight multiplies, `[d_in, positions, P]`, from the signal before it.
fn gather<T: Element>(layer: &LayerForm, signal: &[T], out: &mut [T], n: usize) {
    match &layer.gather {
        Gather::AsIs => out.copy_from_slice(signal),
        Gather::Average => means(signal, out, layer.positions_in, n),
        Gather::Taps(taps) => {
            let channels = signal.chunks_exact(layer.positions_in * n);
            for (channel, out) in channels.zip(out.chunks_exact_mut(taps.len() * n)) {
                for (tap, out) in taps.iter().zip(out.chunks_exact_mut(n)) {
                    match channel.get(*tap as usize * n..(*tap as usize + 1) * n) {
                        Some(values) => out.copy_from_slice(values),
                        None => out.fill(T::zero()),
                    }
                }
            }
        }
    }
}

/// Adds the gradient of what was gathered to that of the signal.
fn scatter<T: Element>(layer: &LayerForm, d_gathered: &[T], d_signal: &mut [T], n: usize) {
    match &layer.gather {
        Gather::AsIs => add(d_signal, d_gathered),
        Gather::Average => spread_means(d_gathered, d_signal, layer.positions_in, n),
        Gather::Taps(taps) => {
            let channels = d_signal.chunks_exact_mut(layer.positions_in * n);
            for (channel, d) in channels.zip(d_gathered.chunks_exact(taps.len() * n)) {
                for (tap, d) in taps.iter().zip(d.chunks_exact(n)) {
                    if let Some(sum) = channel.get_mut(*tap as usize * n..(*tap as usize + 1) * n) {
                        add(sum, d);
                    }
                }
            }
        }
    }
}

/// The mean over positions: `[units, positions, P]` to `[units, P]`.
fn means<T: Element>(signal: &[T], out: &mut [T], positions: usize, n: usize) {
    let share = T::from_f64(1.0 / positions as f64);
    for (unit, out) in signal.chunks_exact(positions * n).zip(out.chunks_exact_mut(n)) {
        out.copy_from_slice(&unit[..n]);
        unit[n..].chunks_exact(n).for_each(|values| add(out, values));
        out.iter_mut().for_each(|mean| *mean *= share);
    }
}

/// Adds the gradient of a mean to that of each position.
fn spread_means<T: Element>(d_means: &[T], d_signal: &mut [T], positions: usize, n: usize) {
    let share = T::from_f64(1.0 / positions as f64);
    for (d, unit) in d_means.chunks_exact(n).zip(d_signal.chunks_exact_mut(positions * n)) {
        for values in unit.chunks_exact_mut(n) {
            values.iter_mut().zip(d).for_each(|(sum, d)| *sum += share * *d);
        }
    }
}

fn add<T: Element>(sum: &mut [T], values: &[T]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
}

impl CustomOp2 for Nets {
    fn name(&self) -> &'static str {
        "nets on the same inputs"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let stored = [(s1, l1), (s2, l2)];
        let out = match s1 {
            CpuStorage::F64(_) => self.forward_in::<f64>(stored)?,
            _ => self.forward_in::<f32>(stored)?,
        };
        Ok((out, (l1.dims()[0], self.form.n_units(), l2.dims()[1]).into()))
    }

    fn bwd(
        &self,
        params: &Tensor,
        inputs: &Tensor,
        _result: &Tensor,
        d_out: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let d_out = d_out.contiguous()?;
        let d_inputs = match d_out.dtype() {
            DType::F64 => self.backward_in::<f64>(params, inputs, &d_out)?,
            _ => self.backward_in::<f32>(params, inputs, &d_out)?,
        };
        Ok((None, Some(d_inputs)))
    }
}
