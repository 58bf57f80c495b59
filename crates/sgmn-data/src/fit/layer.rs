//! One layer of a SIREN in the forms that the kernel multiplies with, and the sums of its gradient.

use super::product::{Buffer, padded};

/// Padded copies of a layer's weights, ω multiplied in, and its gradient in the making.
#[derive(Debug)]
pub(super) struct Layer {
    /// Units it reads.
    pub(super) n_in: usize,
    /// Units it computes.
    pub(super) n_out: usize,
    /// ω, in radians per unit of pre-activation; 1 in a layer without sine.
    omega: f32,
    /// Added to the bias: the net's output offset in the last layer.
    offset: f32,
    /// `ω·W` transposed, `[n_in, padded n_out]`: forward products run over output units.
    pub(super) by_input: Buffer,
    /// `ω·W`, `[n_out, padded n_in]`: backward products run over input units.
    pub(super) by_output: Buffer,
    /// `ω·b + offset`, `[padded n_out]`.
    pub(super) bias: Buffer,
    /// Gradient with respect to `ω·W`, `[padded n_out, padded n_in]`.
    pub(super) d_weight: Buffer,
    /// Gradient with respect to `ω·b`, `[padded n_out]`.
    pub(super) d_bias: Buffer,
}

impl Layer {
    /// A layer of zeros.
    pub(super) fn new(n_in: usize, n_out: usize, omega: f32, offset: f32) -> Self {
        Self {
            n_in,
            n_out,
            omega,
            offset,
            by_input: Buffer::zeros(n_in * padded(n_out)),
            by_output: Buffer::zeros(n_out * padded(n_in)),
            bias: Buffer::zeros(padded(n_out)),
            d_weight: Buffer::zeros(padded(n_out) * padded(n_in)),
            d_bias: Buffer::zeros(padded(n_out)),
        }
    }

    /// Number of parameters: `n_out · n_in` weights, then `n_out` biases.
    pub(super) fn n_params(&self) -> usize {
        self.n_out * (self.n_in + 1)
    }

    /// Takes weights `[n_out, n_in]` and biases `[n_out]`, one after the other.
    pub(super) fn load(&mut self, params: &[f32]) {
        let (weight, bias) = params.split_at(self.n_out * self.n_in);
        let stride = padded(self.n_out);
        let rows = weight.chunks_exact(self.n_in).zip(self.by_output.chunks_exact_mut(padded(self.n_in)));
        for (u, (from, to)) in rows.enumerate() {
            for (to, from) in to.iter_mut().zip(from) {
                *to = self.omega * from;
            }
            for (column, value) in self.by_input.chunks_exact_mut(stride).zip(to.iter()) {
                column[u] = *value;
            }
        }
        for (to, from) in self.bias.iter_mut().zip(bias) {
            *to = self.omega * from + self.offset;
        }
    }

    /// Forgets the gradient.
    pub(super) fn clear_gradient(&mut self) {
        self.d_weight.fill(0.0);
        self.d_bias.fill(0.0);
    }

    /// Writes the gradient with respect to weights and biases, in the order of [`Layer::load`].
    pub(super) fn write_gradient(&self, gradient: &mut [f32]) {
        let (weight, bias) = gradient.split_at_mut(self.n_out * self.n_in);
        let rows = weight.chunks_exact_mut(self.n_in).zip(self.d_weight.chunks_exact(padded(self.n_in)));
        for (to, from) in rows {
            for (to, from) in to.iter_mut().zip(from) {
                *to = self.omega * from;
            }
        }
        for (to, from) in bias.iter_mut().zip(self.d_bias.iter()) {
            *to = self.omega * from;
        }
    }
}
