//! The spaces of a net's weights and biases, and what of them remains where units are averaged away.

use candle_core::{D, Tensor};

use crate::{
    Error, Result,
    ops::{EdgeAxis, Rows},
};

/// Features of every parameter of nets of one architecture.
#[derive(Debug, Clone)]
pub struct ParamFeatures {
    /// Of each layer's weights, `[B, n_out, n_in, f]`.
    pub weights: Vec<Rows>,
    /// Of each layer's biases, `[B, n_out, f]`.
    pub biases: Vec<Rows>,
}

/// Whether the inputs and outputs of a net may be reordered, as its hidden units may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Each keeps its place: it has maps of its own.
    Fixed,
    /// All inputs are alike, and all outputs.
    Permuted,
}

/// What nets must share for one layer to read them: everything but their hidden widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamSpaces {
    /// Layers.
    pub n_layers: usize,
    /// Inputs.
    pub n_in: usize,
    /// Outputs.
    pub n_out: usize,
    /// What may be reordered besides hidden units.
    pub ends: Ends,
}

/// Channels of each layer's weights and of each layer's biases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    /// Of each layer's weights.
    pub weights: Vec<usize>,
    /// Of each layer's biases.
    pub biases: Vec<usize>,
}

/// Layers of units, by number, that a space is a tensor over and that are permuted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) receivers: Option<usize>,
    pub(super) senders: Option<usize>,
    /// Channels for each one of a feature: the product of its fixed axes.
    pub(super) n_fixed: usize,
}

impl ParamSpaces {
    /// Features of nets pooled to nothing: [`pooled`](Self::pooled) has as many numbers.
    pub fn n_pooled(&self, channels: &Channels) -> usize {
        let weights = channels.weights.iter().enumerate().map(|(l, f)| self.of_weight(l).n_fixed * f);
        weights.sum::<usize>() + self.widths_of_biases(channels).iter().sum::<usize>()
    }

    /// G: the mean of each space over its permuted units, side by side.
    ///
    /// # Shapes
    /// `[B, n_pooled]`.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn pooled(&self, x: &ParamFeatures) -> Result<Tensor> {
        Ok(self.pool(&x.weights, &x.biases, false)?.1)
    }

    pub(super) fn of_weight(&self, l: usize) -> Units {
        let receivers = self.permuted(l + 1);
        let senders = self.permuted(l);
        let fixed = |units: Option<usize>, n: usize| if units.is_none() { n } else { 1 };
        Units { receivers, senders, n_fixed: fixed(receivers, self.n_out) * fixed(senders, self.n_in) }
    }

    pub(super) fn of_bias(&self, l: usize) -> Units {
        let receivers = self.permuted(l + 1);
        Units { receivers, senders: None, n_fixed: if receivers.is_none() { self.n_out } else { 1 } }
    }

    fn permuted(&self, layer: usize) -> Option<usize> {
        let is_end = layer == 0 || layer == self.n_layers;
        (!is_end || self.ends == Ends::Permuted).then_some(layer)
    }

    pub(super) fn widths_of_biases(&self, channels: &Channels) -> Vec<usize> {
        channels.biases.iter().enumerate().map(|(l, f)| self.of_bias(l).n_fixed * f).collect()
    }

    /// Widths of N_m for each layer m of units; 0 where they are fixed.
    pub(super) fn n_at_units(&self, channels: &Channels) -> Vec<usize> {
        let mut widths = vec![0; self.n_layers + 1];
        for l in 0..self.n_layers {
            let Units { receivers, senders, n_fixed } = self.of_weight(l);
            for m in receivers.into_iter().chain(senders) {
                widths[m] += n_fixed * channels.weights[l];
            }
            if let Units { receivers: Some(m), n_fixed, .. } = self.of_bias(l) {
                widths[m] += n_fixed * channels.biases[l];
            }
        }
        widths
    }

    /// N_m for each layer m of permuted units, `[B, n_m, c_m]`, if they are wanted, and G.
    pub(super) fn pool(
        &self,
        weights: &[Rows],
        biases: &[Rows],
        wants_units: bool,
    ) -> Result<(Vec<Option<Tensor>>, Tensor)> {
        let mut at_units: Vec<Vec<Tensor>> = vec![Vec::new(); self.n_layers + 1];
        let mut all = Vec::new();
        for l in 0..self.n_layers {
            let weights = &weights[l];
            let (b, r, s, f) = dims4(weights)?;
            match self.of_weight(l) {
                Units { receivers: Some(receivers), senders: Some(senders), .. } => {
                    let mean = |axis: EdgeAxis, n: usize| -> Result<Tensor> {
                        Ok(weights.sum_edges(axis)?.scale(1.0 / n as f64)?.tensor()?)
                    };
                    let of_receivers = mean(EdgeAxis::Senders, s)?;
                    all.push(of_receivers.mean(1)?);
                    if wants_units {
                        at_units[receivers].push(of_receivers);
                        at_units[senders].push(mean(EdgeAxis::Receivers, r)?);
                    }
                }
                Units { receivers: Some(receivers), .. } => {
                    let folded = weights.tensor()?.reshape((b, r, s * f))?;
                    all.push(folded.mean(1)?);
                    at_units[receivers].push(folded);
                }
                Units { senders: Some(senders), .. } => {
                    let folded = weights.tensor()?.transpose(1, 2)?.reshape((b, s, r * f))?;
                    all.push(folded.mean(1)?);
                    at_units[senders].push(folded);
                }
                _ => all.push(weights.tensor()?.reshape((b, r * s * f))?),
            }
            let biases = biases[l].tensor()?;
            match self.of_bias(l).receivers {
                Some(receivers) => {
                    all.push(biases.mean(1)?);
                    at_units[receivers].push(biases);
                }
                None => all.push(biases.flatten_from(1)?),
            }
        }
        let side_by_side = |parts: Vec<Tensor>| -> Result<Option<Tensor>> {
            Ok(if parts.is_empty() { None } else { Some(Tensor::cat(&parts, D::Minus1)?) })
        };
        let at_units = at_units.into_iter().map(side_by_side).collect::<Result<_>>()?;
        Ok((at_units, Tensor::cat(&all, 1)?))
    }
}

impl Channels {
    /// The same number everywhere.
    pub fn equal(n_layers: usize, channels: usize) -> Self {
        Self { weights: vec![channels; n_layers], biases: vec![channels; n_layers] }
    }
}

/// B, receivers, senders and channels of features of weights.
pub(super) fn dims4(weights: &Rows) -> Result<(usize, usize, usize, usize)> {
    match *weights.dims() {
        [b, r, s, f] => Ok((b, r, s, f)),
        ref other => Err(Error::config("features of weights", "[B, n_out, n_in, f]", format!("{other:?}"))),
    }
}
