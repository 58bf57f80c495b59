//! The baseline without symmetry: a perceptron of all parameters in a row.

use std::sync::Arc;

use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering, Topology};
use sgmn_symmetry::Symmetry;

use super::{
    Blueprint, ChangeScales, HeadConfig, Model, Output, Returns,
    head::{only_bucket, only_topology},
    sizes,
};
use crate::{
    Normalization, Pass, Result, VarBuilder,
    layers::{Mlp, MlpConfig},
    normalization::LayerScale,
};

/// The configuration of a [`FlatMlp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlatMlpConfig {
    /// Width of each hidden layer.
    pub d_hidden: Vec<usize>,
    /// Layer normalization of hidden layers.
    pub layer_norm: bool,
    /// Dropout of hidden values.
    pub dropout: f64,
    /// What the model returns.
    pub output: HeadConfig,
}

impl Blueprint for FlatMlpConfig {
    fn validate(&self) -> Result<()> {
        sizes::check(&[("model.d_hidden", &self.d_hidden)])?;
        sizes::check_dropout(self.dropout)?;
        self.output.validate()
    }

    fn returns(&self) -> Returns {
        self.output.returns()
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[]
    }
}

/// `MLP([W_0, b_0, W_1, …])`, with zeros for biases that are absent: reads nets of one architecture and knows nothing of their symmetries.
///
/// Variables: below `mlp`, and the scales of changes.
#[derive(Debug)]
pub struct FlatMlp {
    mlp: Mlp,
    normalization: Normalization,
    topology: Arc<Topology>,
    changes: Option<ChangeScales>,
}

impl FlatMlp {
    /// The model for nets of one architecture.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if there is more than one.
    pub fn new(
        config: &FlatMlpConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let topology = only_topology(lowering, "flat_mlp")?;
        let d_in = topology.n_edges() * topology.n_edge_values() + topology.n_nodes() - topology.widths()[0];
        let form = MlpConfig {
            d_hidden: config.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: config.dropout,
        };
        let (d_out, changes) = match config.output {
            HeadConfig::PerGraph { d_out } => (d_out, None),
            HeadConfig::PerParam { initial_scale } => {
                (d_in, Some(ChangeScales::new(initial_scale, topology.n_layers(), vars)?))
            }
        };
        Ok(Self {
            mlp: Mlp::new(&form, d_in, d_out, &vars.at("mlp"))?,
            normalization,
            topology: topology.clone(),
            changes,
        })
    }

    /// All parameters of each net in a row, normalized: `[B, n_params]`.
    fn rows(&self, graphs: &GraphBatch, scales: &[LayerScale]) -> Result<Tensor> {
        let mut parts = Vec::new();
        for (l, scale) in scales.iter().enumerate() {
            parts.push((graphs.edges[l].flatten_from(1)? / scale.weight)?);
            parts.push((graphs.nodes[l + 1].flatten_from(1)? / scale.bias)?);
        }
        Ok(Tensor::cat(&parts, D::Minus1)?)
    }
}

impl Model for FlatMlp {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let graphs = only_bucket(batch, &self.topology)?;
        let scales = self.normalization.scales(&graphs.topology)?;
        let rows = self.mlp.forward(&self.rows(graphs, &scales)?.into(), pass)?.tensor()?;
        let Some(changes) = &self.changes else { return Ok(Output::PerGraph(rows)) };
        let (mut edges, mut nodes, mut start) = (Vec::new(), Vec::new(), 0);
        let mut next = |like: &Tensor| -> Result<Tensor> {
            let n = like.elem_count() / like.dim(0)?;
            start += n;
            Ok(rows.narrow(1, start - n, n)?.reshape(like.shape())?)
        };
        for l in 0..scales.len() {
            edges.push(next(&graphs.edges[l])?);
            nodes.push(next(&graphs.nodes[l + 1])?);
        }
        Ok(Output::PerParam(vec![changes.apply(&graphs.topology, &edges, &nodes, &scales, 1)?]))
    }
}
