//! The baseline without symmetry: a perceptron of all parameters in a row.

use std::sync::Arc;

use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, Bucket, GraphBatch, Lowering, Topology};
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

    fn reads_any(&self) -> bool {
        matches!(self.output, HeadConfig::PerGraph { .. })
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[]
    }
}

/// `MLP([W_0, b_0, W_1, …])`, with zeros for biases that are absent: reads chains of one architecture and knows nothing of
/// their symmetries. Of nets that are no chains it reads the numbers of their graphs, those on edges before those of nodes,
/// with zeros behind them up to the net that has most.
///
/// Variables: below `mlp`, and the scales of changes.
#[derive(Debug)]
pub struct FlatMlp {
    mlp: Mlp,
    reads: Reads,
    changes: Option<ChangeScales>,
}

/// The nets that are read.
#[derive(Debug)]
enum Reads {
    /// Chains of one architecture.
    Chain { topology: Arc<Topology>, normalization: Normalization },
    /// Any, of at most so many numbers.
    Any { most: usize },
}

impl FlatMlp {
    /// The model for chains of one architecture, or for nets that are no chains.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if there are chains of several architectures.
    pub fn new(
        config: &FlatMlpConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let form = MlpConfig {
            d_hidden: config.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: config.dropout,
        };
        if let HeadConfig::PerGraph { d_out } = config.output
            && lowering.topologies().iter().any(|topology| topology.spec().is_err())
        {
            let most = lowering.topologies().iter().map(|topology| n_numbers(topology)).max().unwrap_or(0);
            let mlp = Mlp::new(&form, most, d_out, &vars.at("mlp"))?;
            return Ok(Self { mlp, reads: Reads::Any { most }, changes: None });
        }
        let topology = only_topology(lowering, "flat_mlp")?;
        let d_in = topology.n_edges() * topology.n_edge_values() + topology.n_nodes() - topology.widths()[0];
        let (d_out, changes) = match config.output {
            HeadConfig::PerGraph { d_out } => (d_out, None),
            HeadConfig::PerParam { initial_scale } => {
                (d_in, Some(ChangeScales::new(initial_scale, topology.n_layers(), vars)?))
            }
        };
        Ok(Self {
            mlp: Mlp::new(&form, d_in, d_out, &vars.at("mlp"))?,
            reads: Reads::Chain { topology: topology.clone(), normalization },
            changes,
        })
    }

    /// All parameters of each chain in a row, normalized: `[B, n_params]`.
    fn rows(graphs: &GraphBatch, scales: &[LayerScale]) -> Result<Tensor> {
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
        let (topology, normalization) = match &self.reads {
            Reads::Chain { topology, normalization } => (topology, normalization),
            Reads::Any { most } => {
                let of_bucket = |bucket: &Bucket| -> Result<Tensor> {
                    Ok(self.mlp.forward(&padded(&bucket.graphs, *most)?.into(), pass)?.tensor()?)
                };
                return Output::of_buckets(
                    batch,
                    &batch.buckets.iter().map(of_bucket).collect::<Result<Vec<_>>>()?,
                );
            }
        };
        let graphs = only_bucket(batch, topology)?;
        let scales = normalization.scales(&graphs.topology)?;
        let rows = self.mlp.forward(&Self::rows(graphs, &scales)?.into(), pass)?.tensor()?;
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

/// Numbers of a graph, those of nodes too.
fn n_numbers(topology: &Topology) -> usize {
    let edges = (0..topology.blocks().len()).map(|block| topology.number_range(block).len());
    edges.sum::<usize>() + topology.n_nodes()
}

/// All numbers of each graph in a row, and zeros behind them: `[B, most]`.
///
/// # Errors
/// [`crate::Error::Config`] for a net with more numbers.
fn padded(graphs: &GraphBatch, most: usize) -> Result<Tensor> {
    let n = n_numbers(&graphs.topology);
    if n > most {
        return Err(crate::Error::config("nets", format!("at most {most} numbers"), n.to_string()));
    }
    let n_graphs = graphs.nodes[0].dim(0)?;
    let parts = graphs.edges.iter().chain(&graphs.nodes).map(|numbers| {
        let len = numbers.elem_count() / n_graphs;
        numbers.reshape((n_graphs, len))
    });
    let row = Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, D::Minus1)?;
    Ok(row.pad_with_zeros(1, 0, most - n)?)
}
