//! Many small perceptrons on the same inputs, side by side on all threads; backward into their parameters.
//!
//! Units lie in rows and inputs in columns, so vectors run over inputs and serve layers of any width, and no weight is
//! turned around on the way forward. The way back computes the way forward again, block by block: that is cheaper than
//! keeping sines and cosines of every pixel of every net in memory.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Storage, Tensor, bail};
use rayon::prelude::*;
use sgmn_graph::Activation;

use super::{
    buffers::Buffer,
    element::{Element, values},
    kernels::pointwise,
    matrix::{Onto, multiply, multiply_outer, multiply_rows},
};

/// Inputs handled together, at most: with two layers of 32 units, 64 KiB of values and slopes.
const BLOCK: usize = 128;
/// Blocks are as long as each other, up to this many inputs, so that vectors are full.
const GRAIN: usize = 16;

/// Perceptrons of one form, whose parameters `W_0, b_0, W_1, …` stand in a row a net: candle's operations take few tensors.
pub(in crate::ops) struct Mlps {
    /// Units from input to output.
    pub(in crate::ops) widths: Vec<usize>,
    /// Of each layer.
    pub(in crate::ops) activations: Vec<Activation>,
}

impl Mlps {
    /// Whether every activation has a kernel.
    pub(in crate::ops) fn serves(activations: &[Activation]) -> bool {
        activations.iter().all(|activation| pointwise::serves(*activation))
    }

    /// The outputs `[B, P, n_out]` for parameters `[B, n_params]` and inputs `[P, n_in]`.
    pub(in crate::ops) fn apply(self, params: &Tensor, inputs: &Tensor) -> Result<Tensor> {
        params.contiguous()?.apply_op2(&inputs.contiguous()?, self)
    }

    fn n_layers(&self) -> usize {
        self.activations.len()
    }

    fn n_out(&self) -> usize {
        self.widths[self.n_layers()]
    }

    /// Where weights and biases of each layer stand among the parameters.
    fn ranges(&self) -> Vec<[Range<usize>; 2]> {
        let mut start = 0;
        let mut take = |n: usize| {
            start += n;
            start - n..start
        };
        self.widths.windows(2).map(|pair| [take(pair[0] * pair[1]), take(pair[1])]).collect()
    }

    fn n_params(&self) -> usize {
        self.widths.windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum()
    }

    /// Writes the outputs of every net.
    fn forward<T: Element>(&self, params: &[T], inputs: &[T], out: &mut [T]) {
        let n_inputs = inputs.len() / self.widths[0];
        let n_out = self.n_out();
        if out.is_empty() {
            return;
        }
        let nets = out.par_chunks_mut(n_inputs * n_out).zip(params.par_chunks(self.n_params()));
        nets.for_each_init(
            || Block::new(self, n_inputs),
            |block, (out, params)| {
                for range in blocks(n_inputs) {
                    block.forward(params, inputs, range.clone(), false);
                    let last = &block.values[self.n_layers()][..range.len() * n_out];
                    turn(last, &mut out[range.start * n_out..range.end * n_out], n_out);
                }
            },
        );
    }

    /// Adds the gradients of every net's parameters to zeros.
    fn backward<T: Element>(&self, params: &[T], inputs: &[T], d_out: &[T], d_params: &mut [T]) {
        let n_inputs = inputs.len() / self.widths[0];
        let n_out = self.n_out();
        if d_out.is_empty() {
            return;
        }
        let nets = d_params.par_chunks_mut(self.n_params()).zip(params.par_chunks(self.n_params()));
        nets.zip(d_out.par_chunks(n_inputs * n_out)).for_each_init(
            || Block::new(self, n_inputs),
            |block, ((d_params, params), d_out)| {
                for range in blocks(n_inputs) {
                    block.forward(params, inputs, range.clone(), true);
                    block.backward(params, &d_out[range.start * n_out..range.end * n_out], d_params);
                }
            },
        );
    }

    fn forward_in<T: Element>(&self, stored: [(&CpuStorage, &Layout); 2]) -> Result<CpuStorage> {
        let [params, inputs] = stored.map(|(storage, layout)| values::<T>(storage, layout));
        let (n_nets, n_inputs) = (stored[0].1.dims()[0], stored[1].1.dims()[0]);
        let mut out = vec![T::zero(); n_nets * n_inputs * self.n_out()];
        self.forward(params?, inputs?, &mut out);
        Ok(T::to_cpu_storage_owned(out))
    }

    fn backward_in<T: Element>(&self, params: &Tensor, inputs: &Tensor, d_out: &Tensor) -> Result<Tensor> {
        let tensors = [params, inputs, d_out].map(Tensor::storage_and_layout);
        let [p, x, g] = [0, 1, 2].map(|i| match &*tensors[i].0 {
            Storage::Cpu(storage) => values::<T>(storage, tensors[i].1),
            _ => bail!("perceptrons: a gradient is on another device"),
        });
        let mut d_params = vec![T::zero(); params.elem_count()];
        self.backward(p?, x?, g?, &mut d_params);
        Tensor::from_vec(d_params, params.shape(), params.device())
    }
}

/// What a thread needs to take one block of inputs through a net and back.
struct Block<'a, T: Element> {
    form: &'a Mlps,
    ranges: Vec<[Range<usize>; 2]>,
    n: usize,
    /// Of the inputs, then of each layer's units, `[width, n]`.
    values: Vec<Buffer<T>>,
    /// Slopes of each layer's activation, `[width, n]`; on the way back, gradients of what it was taken of.
    slopes: Vec<Buffer<T>>,
    /// The gradient that a layer gives to the one before it.
    upstream: Buffer<T>,
}

impl<'a, T: Element> Block<'a, T> {
    fn new(form: &'a Mlps, n_inputs: usize) -> Self {
        let n = length(n_inputs);
        let buffer = |width: &usize| Buffer::stale(width * n);
        let widest = form.widths.iter().max().expect("a net has layers");
        Self {
            form,
            ranges: form.ranges(),
            n,
            values: form.widths.iter().map(buffer).collect(),
            slopes: form.widths[1..].iter().map(buffer).collect(),
            upstream: buffer(widest),
        }
    }

    /// `h_{l+1} = σ(W_l h_l + b_l)`, for the inputs of a range.
    fn forward(&mut self, params: &[T], inputs: &[T], range: Range<usize>, wants_slopes: bool) {
        let n = range.len();
        self.n = n;
        let n_in = self.form.widths[0];
        for (unit, row) in self.values[0].chunks_exact_mut(n).take(n_in).enumerate() {
            for (x, input) in row.iter_mut().zip(inputs[range.start * n_in..].chunks_exact(n_in)) {
                *x = input[unit];
            }
        }
        for (l, activation) in self.form.activations.iter().enumerate() {
            let [width_in, width_out] = [self.form.widths[l], self.form.widths[l + 1]];
            let [weights, biases] = self.ranges[l].clone().map(|range| &params[range]);
            let (before, after) = self.values.split_at_mut(l + 1);
            let after = &mut after[0][..width_out * n];
            for (row, bias) in after.chunks_exact_mut(n).zip(biases) {
                row.fill(*bias);
            }
            multiply(weights, &before[l][..width_in * n], after, [width_in, n], Onto::Add);
            if wants_slopes {
                pointwise::activate_with_slope(*activation, after, &mut self.slopes[l][..width_out * n]);
            } else {
                pointwise::activate(*activation, after);
            }
        }
    }

    /// Adds the gradients of the block that went forward last, with slopes.
    fn backward(&mut self, params: &[T], d_out: &[T], d_params: &mut [T]) {
        let n = self.n;
        let n_out = self.form.n_out();
        for (input, row) in d_out.chunks_exact(n_out).enumerate() {
            for (unit, g) in row.iter().enumerate() {
                self.upstream[unit * n + input] = *g;
            }
        }
        for l in (0..self.form.n_layers()).rev() {
            let [width_in, width_out] = [self.form.widths[l], self.form.widths[l + 1]];
            let d = &mut self.slopes[l][..width_out * n];
            pointwise::scale(d, &self.upstream[..width_out * n]);
            let [weights, biases] = self.ranges[l].clone();
            multiply_rows(d, &self.values[l][..width_in * n], &mut d_params[weights.clone()], [width_in, n]);
            for (sum, row) in d_params[biases].iter_mut().zip(d.chunks_exact(n)) {
                *sum += pointwise::sum(row);
            }
            if l > 0 {
                let upstream = &mut self.upstream[..width_in * n];
                upstream.fill(T::zero());
                // Wᵀ d: the outer product over the layer's units.
                multiply_outer(&params[weights], d, upstream, [n, width_in]);
            }
        }
    }
}

/// Inputs of a block.
fn length(n_inputs: usize) -> usize {
    let n_blocks = n_inputs.div_ceil(BLOCK).max(1);
    n_inputs.div_ceil(n_blocks).next_multiple_of(GRAIN).min(n_inputs)
}

fn blocks(n_inputs: usize) -> impl Iterator<Item = Range<usize>> {
    let n = length(n_inputs);
    (0..n_inputs).step_by(n.max(1)).map(move |start| start..(start + n).min(n_inputs))
}

/// Rows of units `[n_out, n]` as rows of inputs `[n, n_out]`.
fn turn<T: Element>(units: &[T], out: &mut [T], n_out: usize) {
    let n = units.len() / n_out;
    if n_out == 1 {
        return out.copy_from_slice(units);
    }
    for (input, row) in out.chunks_exact_mut(n_out).enumerate() {
        for (unit, y) in row.iter_mut().enumerate() {
            *y = units[unit * n + input];
        }
    }
}

impl CustomOp2 for Mlps {
    fn name(&self) -> &'static str {
        "perceptrons on the same inputs"
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
        Ok((out, (l1.dims()[0], l2.dims()[0], self.n_out()).into()))
    }

    fn bwd(
        &self,
        params: &Tensor,
        inputs: &Tensor,
        _result: &Tensor,
        d_out: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let d_out = d_out.contiguous()?;
        let d_params = match d_out.dtype() {
            DType::F64 => self.backward_in::<f64>(params, inputs, &d_out)?,
            _ => self.backward_in::<f32>(params, inputs, &d_out)?,
        };
        Ok((Some(d_params), None))
    }
}
