//! DWSNets: linear equivariant layers on the weights and biases themselves.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering};
use sgmn_symmetry::Symmetry;

use super::{
    Blueprint, HeadConfig, Model, Output, Returns,
    linear_layers::{Answer, Form, LinearLayers},
    param_reader::ParamReader,
};
use crate::{
    Normalization, Pass, Result, VarBuilder,
    layers::{Ends, ParamFeatures},
    normalization::LayerScale,
    ops::Rows,
};

/// The configuration of a [`Dws`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DwsConfig {
    /// Channels of each parameter between layers.
    pub d_hidden: usize,
    /// Linear equivariant layers before the head.
    pub n_layers: usize,
    /// Whether layers add equivariant biases.
    pub bias: bool,
    /// Layer normalization over the channels of each parameter.
    pub layer_norm: bool,
    /// Dropout after every activation.
    pub dropout: f64,
    /// Widths of the hidden layers of the invariant head; without use where parameters are changed.
    pub d_head: Vec<usize>,
    /// What the model returns.
    pub output: HeadConfig,
}

impl DwsConfig {
    fn form(&self) -> Form<'_> {
        Form {
            d_hidden: self.d_hidden,
            n_layers: self.n_layers,
            bias: self.bias,
            layer_norm: self.layer_norm,
            dropout: self.dropout,
            d_head: &self.d_head,
            output: self.output,
        }
    }
}

impl Blueprint for DwsConfig {
    fn validate(&self) -> Result<()> {
        self.form().validate()
    }

    fn returns(&self) -> Returns {
        self.output.returns()
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[Symmetry::Permutation]
    }
}

/// `σ(L_n(… σ(L_1(W, b))))` with linear maps L that commute with the order of hidden units, then `MLP(pool(x))` or one
/// more such map.
///
/// Reads nets of one depth, of equal inputs and outputs, and of any hidden widths and activations; a kernel's entries are
/// channels.
///
/// Variables: see [`PermutationLinear`](crate::layers::PermutationLinear), below `layers.k`, `norms.k`, `head`, `change`.
///
/// # Source
/// A. Navon et al., "Equivariant Architectures for Learning in Deep Weight Spaces", ICML 2023.
/// **Departs:** σ is SiLU for ReLU, pooling the mean for the maximum or attention of their code, layer normalization
/// stands for batch normalization; maps from a layer to itself and to its neighbours have no perceptron of their own.
#[derive(Debug)]
pub struct Dws {
    reader: ParamReader,
    normalization: Normalization,
    net: LinearLayers,
}

impl Dws {
    /// The model for nets of one depth.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if they differ in depth, inputs or outputs.
    pub fn new(
        config: &DwsConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let reader = ParamReader::new(lowering, Ends::Fixed)?;
        let net = LinearLayers::new(&config.form(), &reader, &reader.channels(), vars)?;
        Ok(Self { reader, normalization, net })
    }
}

impl Dws {
    /// The parameters of a bucket's nets as features.
    fn read(&self, graphs: &GraphBatch, scales: &[LayerScale]) -> Result<ParamFeatures> {
        let (weights, biases) = self.reader.read(graphs, scales)?;
        Ok(ParamFeatures {
            weights: weights.into_iter().map(|x| Ok(Rows::edges(x)?)).collect::<Result<_>>()?,
            biases: biases.into_iter().map(|x| Ok(Rows::nodes(x)?)).collect::<Result<_>>()?,
        })
    }
}

impl Model for Dws {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let mut answers = Vec::with_capacity(batch.buckets.len());
        for bucket in &batch.buckets {
            let topology = &bucket.graphs.topology;
            let scales = self.normalization.scales(topology)?;
            answers.push(self.net.forward(self.read(&bucket.graphs, &scales)?, topology, &scales, pass)?);
        }
        Answer::of_buckets(batch, answers)
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        let read = |graphs: &GraphBatch| self.read(graphs, &self.normalization.scales(&graphs.topology)?);
        self.net.features(batch, read, pass)
    }
}
