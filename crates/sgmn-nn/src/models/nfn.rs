//! Neural functional networks: linear equivariant layers on Fourier features of weights and biases.

use std::f64::consts::{PI, TAU};

use candle_core::{D, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering, Seed};
use sgmn_symmetry::Symmetry;

use super::{
    Blueprint, HeadConfig, Model, Output, Returns,
    linear_layers::{Answer, Form, LinearLayers},
    param_reader::ParamReader,
    sizes,
};
use crate::{
    Error, Normalization, Pass, Result, VarBuilder,
    layers::{Channels, Ends, ParamFeatures},
    normalization::LayerScale,
    ops::{self, Rows},
};

/// Which reorderings a layer commutes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NfnVariant {
    /// Those of inputs, hidden units and outputs (NFN_NP); inputs and outputs are told apart by codes.
    Np,
    /// Those of hidden units alone (NFN_HNP).
    Hnp,
}

/// Random Fourier features of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FourierConfig {
    /// Random frequencies; each gives a sine and a cosine.
    pub n_frequencies: usize,
    /// Standard deviation of the frequencies, in periods for each unit of the normalization.
    pub scale: f64,
}

/// The configuration of an [`Nfn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NfnConfig {
    /// Which reorderings the layers commute with.
    pub variant: NfnVariant,
    /// Channels of each parameter between layers.
    pub d_hidden: usize,
    /// Linear equivariant layers before the head.
    pub n_layers: usize,
    /// Fourier features of the parameters; without them they are read as they are.
    pub fourier: Option<FourierConfig>,
    /// Sinusoidal codes of inputs and outputs, for `np` only; without them the model cannot tell these apart.
    pub io_encoding: bool,
    /// Layer normalization over the channels of each parameter.
    pub layer_norm: bool,
    /// Dropout after every activation.
    pub dropout: f64,
    /// Widths of the hidden layers of the invariant head; without use where parameters are changed.
    pub d_head: Vec<usize>,
    /// What the model returns.
    pub output: HeadConfig,
}

impl NfnConfig {
    fn form(&self) -> Form<'_> {
        Form {
            d_hidden: self.d_hidden,
            n_layers: self.n_layers,
            bias: true,
            layer_norm: self.layer_norm,
            dropout: self.dropout,
            d_head: &self.d_head,
            output: self.output,
        }
    }
}

impl Blueprint for NfnConfig {
    fn validate(&self) -> Result<()> {
        if let Some(FourierConfig { n_frequencies, scale }) = self.fourier {
            sizes::check(&[("model.fourier.n_frequencies", &[n_frequencies])])?;
            // Larger ones are nothing but noise, and at last not finite.
            if !(scale > 0.0 && scale <= 1e6) {
                return Err(Error::config("model.fourier.scale", "above 0 and up to 1e6", scale));
            }
        }
        if self.io_encoding && self.variant == NfnVariant::Hnp {
            let expected = "false where each input and output has maps of its own (hnp)";
            return Err(Error::config("model.io_encoding", expected, true));
        }
        self.form().validate()
    }

    fn returns(&self) -> Returns {
        self.output.returns()
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[Symmetry::Permutation]
    }
}

/// `σ(L_n(… σ(L_1(γ(W, b)))))` with linear maps L that commute with the order of units, then `MLP(pool(x))` or one more
/// such map.
///
/// `γ(x) = [sin(2π F x), cos(2π F x)]` with random frequencies F, the same in every model and never learned; a kernel's
/// entries are the components of x. NP adds codes of inputs and outputs to the features of the first weights, the last
/// weights and the last biases: with a position p from −1 to 1, `[sin(π c p), cos(π c p), p]`, c from 1 to 5 in six steps.
///
/// Reads nets of one depth, of equal inputs and outputs, and of any hidden widths and activations.
///
/// Variables: see [`PermutationLinear`](crate::layers::PermutationLinear), below `layers.k`, `norms.k`, `head`, `change`.
///
/// # Source
/// A. Zhou et al., "Permutation Equivariant Neural Functionals", NeurIPS 2023.
/// **Departs:** σ is SiLU for ReLU; no codes of layers, which the biases of each layer's maps already are.
#[derive(Debug)]
pub struct Nfn {
    reader: ParamReader,
    normalization: Normalization,
    /// Frequencies `[n_frequencies, slots]` of each layer's weights, and `[n_frequencies, 1]` of biases.
    fourier: Option<(Vec<Tensor>, Tensor)>,
    /// Codes of inputs and of outputs, `[n, CODE]`.
    codes: Option<[Tensor; 2]>,
    net: LinearLayers,
}

/// Bands of the codes of inputs and outputs, and the numbers of a code.
const BANDS: usize = 6;
const CODE: usize = 2 * BANDS + 1;

impl Nfn {
    /// The model for nets of one depth.
    ///
    /// # Errors
    /// [`Error::Config`] if they differ in depth, inputs or outputs.
    pub fn new(
        config: &NfnConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let ends = match config.variant {
            NfnVariant::Np => Ends::Permuted,
            NfnVariant::Hnp => Ends::Fixed,
        };
        let reader = ParamReader::new(lowering, ends)?;
        let mut channels = reader.channels();
        let like = vars.zeros(&[1])?;
        let tensor = |values: Vec<f64>, shape: (usize, usize)| -> Result<Tensor> {
            Ok(Tensor::from_vec(values, shape, like.device())?.to_dtype(like.dtype())?)
        };
        let mut fourier = None;
        if let Some(FourierConfig { n_frequencies, scale }) = config.fourier {
            let of = |n_slots: usize| {
                let frequencies = frequencies(n_frequencies * n_slots).map(|f| TAU * scale * f).collect();
                tensor(frequencies, (n_frequencies, n_slots))
            };
            fourier = Some((channels.weights.iter().map(|n| of(*n)).collect::<Result<_>>()?, of(1)?));
            channels = Channels::equal(channels.weights.len(), 2 * n_frequencies);
        }
        let mut codes = None;
        if config.io_encoding {
            // A single layer has both codes.
            let of = |n: usize| tensor((0..n).flat_map(|i| code(i, n)).collect(), (n, CODE));
            codes = Some([of(reader.spaces.n_in)?, of(reader.spaces.n_out)?]);
            let last = reader.spaces.n_layers - 1;
            channels.weights[0] += CODE;
            channels.weights[last] += CODE;
            channels.biases[last] += CODE;
        }
        let net = LinearLayers::new(&config.form(), &reader, &channels, vars)?;
        Ok(Self { reader, normalization, fourier, codes, net })
    }

    /// The features that the first layer reads.
    fn read(&self, graphs: &GraphBatch, scales: &[LayerScale]) -> Result<ParamFeatures> {
        let (mut weights, mut biases) = self.reader.read(graphs, scales)?;
        if let Some((of_weights, of_biases)) = &self.fourier {
            for (x, frequencies) in weights.iter_mut().zip(of_weights) {
                *x = waves(x, frequencies)?;
            }
            for x in &mut biases {
                *x = waves(x, of_biases)?;
            }
        }
        if let Some([inputs, outputs]) = &self.codes {
            let last = weights.len() - 1;
            weights[0] = beside(&weights[0], &inputs.unsqueeze(0)?)?;
            weights[last] = beside(&weights[last], &outputs.unsqueeze(1)?)?;
            biases[last] = beside(&biases[last], outputs)?;
        }
        Ok(ParamFeatures {
            weights: weights.into_iter().map(|x| Ok(Rows::edges(x)?)).collect::<Result<_>>()?,
            biases: biases.into_iter().map(|x| Ok(Rows::nodes(x)?)).collect::<Result<_>>()?,
        })
    }
}

impl Model for Nfn {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let mut answers = Vec::with_capacity(batch.buckets.len());
        for bucket in &batch.buckets {
            let scales = self.normalization.scales(&bucket.graphs.topology)?;
            let x = self.read(&bucket.graphs, &scales)?;
            answers.push(self.net.forward(x, &bucket.graphs.topology, &scales, pass)?);
        }
        Answer::of_buckets(batch, answers)
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        let read = |graphs: &GraphBatch| self.read(graphs, &self.normalization.scales(&graphs.topology)?);
        self.net.features(batch, read, pass)
    }
}

/// Standard normal numbers, always the same.
fn frequencies(n: usize) -> impl Iterator<Item = f64> {
    let mut rng = Seed::new(0).child("fourier frequencies").rng();
    (0..n).map(move |_| {
        // The method of Box and Muller; 1 − u keeps the logarithm finite.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        radius * (TAU * rng.random::<f64>()).cos()
    })
}

/// The code of place i among n.
fn code(i: usize, n: usize) -> [f64; CODE] {
    let place =
        |i: usize, n: usize, from: f64, to: f64| from + (to - from) * i as f64 / (n.max(2) - 1) as f64;
    let p = place(i, n, -1.0, 1.0);
    std::array::from_fn(|k| match k {
        k if k < BANDS => (PI * place(k, BANDS, 1.0, 5.0) * p).sin(),
        k if k < 2 * BANDS => (PI * place(k - BANDS, BANDS, 1.0, 5.0) * p).cos(),
        _ => p,
    })
}

/// `[sin(F x), cos(F x)]`.
fn waves(x: &Tensor, frequencies: &Tensor) -> Result<Tensor> {
    let angles = ops::linear(x, frequencies)?;
    Ok(Tensor::cat(&[angles.sin()?, angles.cos()?], D::Minus1)?)
}

/// Features with codes beside them, repeated over the axes that the codes lack.
fn beside(x: &Tensor, codes: &Tensor) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    if let Some(width) = dims.last_mut() {
        *width = CODE;
    }
    Ok(Tensor::cat(&[x, &codes.broadcast_as(dims)?.contiguous()?], D::Minus1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_the_same_for_ever_since_no_checkpoint_holds_them() {
        let found: Vec<f64> = frequencies(3).collect();
        let expected = [0.45978352640942216, -0.15873894388518983, -1.8778366288376866];
        let apart = found.iter().zip(expected).map(|(a, b): (&f64, f64)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-12, "{found:?}");
    }
}
