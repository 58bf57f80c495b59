//! The baseline without symmetry: a perceptron of all parameters in a row.

use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering};

use super::{Model, Output};
use crate::{
    Error, Normalization, Pass, Result, VarBuilder,
    layers::{Mlp, MlpConfig},
};

/// The configuration of a [`FlatMlp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlatMlpConfig {
    /// Width of each hidden layer.
    pub d_hidden: Vec<usize>,
    /// Numbers for each net.
    pub d_out: usize,
    /// Layer normalization of hidden layers.
    pub layer_norm: bool,
    /// Dropout of hidden values.
    pub dropout: f64,
}

impl FlatMlpConfig {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot be used.
    pub fn validate(&self) -> Result<()> {
        if self.d_hidden.contains(&0) || self.d_out == 0 {
            return Err(Error::config("model.d_hidden", "widths of at least 1", 0));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::config("model.dropout", "a probability below 1", self.dropout));
        }
        Ok(())
    }
}

/// `MLP([W_0, b_0, W_1, …])`: reads nets of one architecture and knows nothing of their symmetries.
///
/// Variables: below `mlp`.
#[derive(Debug)]
pub struct FlatMlp {
    mlp: Mlp,
    normalization: Normalization,
}

impl FlatMlp {
    /// The model for nets of one architecture.
    ///
    /// # Errors
    /// [`Error::Config`] if there is more than one.
    pub fn new(
        config: &FlatMlpConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let [topology] = lowering.topologies() else {
            let found = format!("{} architectures", lowering.topologies().len());
            return Err(Error::config(
                "model.kind",
                "a model that reads any architecture (flat_mlp reads one)",
                found,
            ));
        };
        let d_in = topology.n_edges() * topology.n_edge_values() + topology.n_nodes() - topology.widths()[0];
        let form = MlpConfig {
            d_hidden: config.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: config.dropout,
        };
        Ok(Self { mlp: Mlp::new(&form, d_in, config.d_out, &vars.at("mlp"))?, normalization })
    }

    /// All parameters of each net in a row, normalized: `[B, n_params]`.
    fn rows(&self, graphs: &GraphBatch) -> Result<Tensor> {
        let scales = self.normalization.scales(&graphs.topology)?;
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
        let [bucket] = batch.buckets.as_slice() else {
            return Err(Error::config(
                "batch",
                "nets of one architecture",
                format!("{} of them", batch.buckets.len()),
            ));
        };
        Ok(Output::PerGraph(self.mlp.forward(&self.rows(&bucket.graphs)?.into(), pass)?.tensor()?))
    }

    fn may_lack_gradient(&self, _name: &str) -> bool {
        false
    }
}
