//! Inr2Vec: an embedding of the rows of a net's matrices, which learns by telling what the net computes.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, Batch, GraphBatch, Lowering, NetSpec, Seed, Topology};
use sgmn_symmetry::Symmetry;

use super::{
    Blueprint, Model, Output, Returns,
    head::{only_bucket, only_topology},
    sizes,
};
use crate::{
    Error, Normalization, Pass, Result, VarBuilder,
    layers::{ImplicitDecoder, Mlp, MlpConfig},
    loss::mean_squared_error,
    ops::{self, Rows},
    render::{self, NetTensors},
};

/// The configuration of an [`Inr2Vec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inr2VecConfig {
    /// Which rows are read.
    pub rows: RowRange,
    /// Width of each hidden layer of the encoder.
    pub d_encoder: Vec<usize>,
    /// Width of the embedding.
    pub d_embedding: usize,
    /// Width of each hidden layer of the map from embedding to output.
    pub d_head: Vec<usize>,
    /// Dropout of hidden values of that map.
    pub dropout: f64,
    /// Numbers for each net.
    pub d_out: usize,
    /// How the encoder learns what nets compute; without it the architecture alone learns the task, end to end.
    pub reconstruction: Option<Reconstruction>,
}

/// Which layers' rows an [`Inr2Vec`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowRange {
    /// Those between two hidden layers, as published.
    Hidden,
    /// Those of all layers.
    All,
}

/// The loss `weight · mean (decoder(z, c) − f(c))²` over a step's nets f with embeddings z, and coordinates c drawn anew
/// for each step, evenly from `coordinates` in each direction and the same for all nets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconstruction {
    /// Coordinates a step.
    pub n_points: usize,
    /// Factor of the loss.
    pub weight: f64,
    /// Width of hidden layers of the decoder.
    pub d_hidden: usize,
    /// Frequencies `1, 2, 4, …` in which the decoder sees a coordinate.
    pub n_frequencies: usize,
    /// Between which numbers coordinates are drawn; from −1 to 1 if left out.
    #[serde(default = "render::usual_coordinates", skip_serializing_if = "render::are_usual")]
    pub coordinates: [f64; 2],
}

impl Blueprint for Inr2VecConfig {
    fn validate(&self) -> Result<()> {
        sizes::check(&[
            ("model.d_encoder", &self.d_encoder),
            ("model.d_embedding", &[self.d_embedding]),
            ("model.d_head", &self.d_head),
            ("model.d_out", &[self.d_out]),
        ])?;
        if let Some(Reconstruction { n_points, weight, d_hidden, n_frequencies, coordinates }) =
            self.reconstruction
        {
            render::check_coordinates("model.reconstruction.coordinates", coordinates)?;
            sizes::check(&[
                ("model.reconstruction.n_points", &[n_points]),
                ("model.reconstruction.d_hidden", &[d_hidden]),
            ])?;
            if !(weight.is_finite() && weight > 0.0) {
                return Err(Error::config("model.reconstruction.weight", "a number above 0", weight));
            }
            if n_frequencies > 30 {
                let field = "model.reconstruction.n_frequencies";
                return Err(Error::config(field, "at most 30", n_frequencies));
            }
        }
        sizes::check_dropout(self.dropout)
    }

    fn returns(&self) -> Returns {
        Returns::PerGraph { d_out: self.d_out, field: "model.d_out" }
    }

    fn respected(&self) -> &'static [Symmetry] {
        // Another order of units is another order of rows, but also of the columns of the next layer's.
        &[]
    }
}

/// `head(z)` with `z = max_r MLP(r)`, in each channel over the rows r of `[W_1; b_1ᵀ; W_2; …]`, which are the weights that
/// enter each unit and the biases of each layer that has them: blind to the order of those rows, but to no symmetry of nets.
///
/// Equal rows share the maximum, and each then has the whole gradient, as candle has it. Both losses share one clipping.
///
/// Reads nets of one architecture; rows are padded with zeros to the longest. With a [`Reconstruction`] the encoder
/// learns from that loss alone: in training the head gets the embedding without its gradient.
///
/// Variables: below `encoder`, `head` and `decoder`.
///
/// # Source
/// L. De Luigi et al., "Deep Learning on Implicit Neural Representations of Shapes", ICLR 2023.
/// **Departs:** layer normalization and SiLU for batch normalization and ReLU, so that nets do not depend on their batch;
/// parameters are normalized; encoder and head learn in the same steps, not one after the other; the decoder is
/// compared with the net itself, not with the shape that the net was fitted to.
#[derive(Debug)]
pub struct Inr2Vec {
    encoder: Mlp,
    head: Mlp,
    reconstructor: Option<Reconstructor>,
    normalization: Normalization,
    topology: Arc<Topology>,
    rows: RowRange,
}

impl Inr2Vec {
    /// The model for nets of one architecture.
    ///
    /// # Errors
    /// [`Error::Config`] if there is more than one, it has no row of the wanted range, or nets that are no perceptrons
    /// are to be reconstructed.
    pub fn new(
        config: &Inr2VecConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let topology = only_topology(lowering, "inr2vec")?;
        let Some(d_in) = longest_row(topology, config.rows) else {
            let found = format!("{} layers", topology.n_layers());
            let expected = "\"all\" for nets without a layer between two hidden layers";
            return Err(Error::config("model.rows", expected, found));
        };
        let form = |d_hidden: &[usize], dropout: f64| MlpConfig {
            d_hidden: d_hidden.to_vec(),
            layer_norm: true,
            dropout,
        };
        let d_embedding = config.d_embedding;
        let reconstructor = |reconstruction: &Reconstruction| {
            Reconstructor::new(reconstruction, d_embedding, topology.spec()?, &vars.at("decoder"))
        };
        Ok(Self {
            encoder: Mlp::new(&form(&config.d_encoder, 0.0), d_in, d_embedding, &vars.at("encoder"))?,
            head: Mlp::new(
                &form(&config.d_head, config.dropout),
                d_embedding,
                config.d_out,
                &vars.at("head"),
            )?,
            reconstructor: config.reconstruction.as_ref().map(reconstructor).transpose()?,
            normalization,
            topology: topology.clone(),
            rows: config.rows,
        })
    }

    /// The embedding of each net, `[B, d_embedding]`.
    fn embeddings(&self, graphs: &GraphBatch, pass: &Pass) -> Result<Tensor> {
        let rows = Rows::nodes(self.matrix(graphs)?)?;
        Ok(self.encoder.forward(&rows, pass)?.tensor()?.max(1)?)
    }

    /// The rows of each net's matrices, `[B, n_rows, d_in]`.
    fn matrix(&self, graphs: &GraphBatch) -> Result<Tensor> {
        let topology = &graphs.topology;
        let scales = self.normalization.scales(topology)?;
        let width = longest_row(topology, self.rows).unwrap_or(0);
        let padded = |rows: Tensor| -> Result<Tensor> {
            let missing = width - rows.dim(2)?;
            Ok(if missing == 0 { rows } else { rows.pad_with_zeros(2, 0, missing)? })
        };
        let mut parts = Vec::new();
        for l in layers(topology, self.rows) {
            parts.push(padded((graphs.edges[l].flatten_from(2)? / scales[l].weight)?)?);
            // A row of zeros would take part in the maximum.
            if topology.has_bias(l + 1) {
                parts.push(padded((graphs.nodes[l + 1].transpose(1, 2)? / scales[l].bias)?)?);
            }
        }
        Ok(Tensor::cat(&parts, 1)?)
    }
}

impl Model for Inr2Vec {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let graphs = only_bucket(batch, &self.topology)?;
        let mut embeddings = self.embeddings(graphs, pass)?;
        if let (Some(reconstructor), Some(chance)) = (&self.reconstructor, pass.chance("inr2vec")) {
            pass.add_loss(reconstructor.loss(&embeddings, graphs, chance)?);
            embeddings = embeddings.detach();
        }
        Ok(Output::PerGraph(self.head.forward(&Rows::nets(embeddings)?, pass)?.tensor()?))
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        self.embeddings(only_bucket(batch, &self.topology)?, pass).map(Some)
    }

    fn may_lack_gradient(&self, name: &str) -> bool {
        // Predictions do not need the decoder, which is there only to train.
        self.reconstructor.is_some() && name.starts_with("decoder.")
    }
}

/// The layers whose rows are read.
fn layers(topology: &Topology, rows: RowRange) -> std::ops::Range<usize> {
    let n = topology.n_layers();
    match rows {
        RowRange::Hidden => 1..n.saturating_sub(1),
        RowRange::All => 0..n,
    }
}

/// Numbers of the longest row that is read; none if none is.
fn longest_row(topology: &Topology, rows: RowRange) -> Option<usize> {
    let widths = topology.widths();
    let of_layer = |l: usize| (widths[l] * topology.n_edge_values()).max(widths[l + 1]);
    layers(topology, rows).map(of_layer).max()
}

/// The decoder, and what it is to say.
#[derive(Debug)]
struct Reconstructor {
    decoder: ImplicitDecoder,
    activations: Vec<Activation>,
    output_offset: f64,
    n_points: usize,
    n_inputs: usize,
    coordinates: [f64; 2],
    weight: f64,
}

impl Reconstructor {
    fn new(config: &Reconstruction, d_embedding: usize, spec: &NetSpec, vars: &VarBuilder) -> Result<Self> {
        render::check_layers(spec)?;
        let (n_inputs, n_outputs) = (spec.widths()[0], spec.widths()[spec.layers().len()]);
        let &Reconstruction { n_points, weight, d_hidden, n_frequencies, coordinates } = config;
        Ok(Self {
            decoder: ImplicitDecoder::new(d_embedding, n_frequencies, d_hidden, [n_inputs, n_outputs], vars)?,
            activations: spec.layers().iter().map(|layer| layer.activation).collect(),
            output_offset: spec.output_offset(),
            n_points,
            n_inputs,
            coordinates,
            weight,
        })
    }

    /// The loss of a step, a scalar.
    fn loss(&self, embeddings: &Tensor, graphs: &GraphBatch, chance: Seed) -> Result<Tensor> {
        let mut rng = chance.rng();
        let [first, last] = self.coordinates;
        let mut point = || (0..self.n_inputs).map(|_| rng.random_range(first..=last)).collect();
        let points: Vec<Vec<f64>> = (0..self.n_points).map(|_| point()).collect();
        let nets = NetTensors::of(graphs)?;
        let inputs = Tensor::new(points.clone(), &Device::Cpu)?;
        let inputs = inputs.to_dtype(embeddings.dtype())?.to_device(embeddings.device())?;
        let values = ops::run_mlps(&nets.weights, &nets.biases, &self.activations, &inputs)?;
        let values = (values.transpose(0, 1)? + self.output_offset)?.detach();
        let told = self.decoder.forward(embeddings, &points)?;
        Ok((mean_squared_error(&told, &values)? * self.weight)?)
    }
}
