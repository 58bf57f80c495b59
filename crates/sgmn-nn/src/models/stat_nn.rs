//! The baseline of statistics: a perceptron of each layer's mean, variance and quantiles.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, Block, GraphBatch, Lowering, NodeRole, Topology};
use sgmn_symmetry::Symmetry;

use super::{Blueprint, Model, Output, Returns, sizes};
use crate::{
    Error, Normalization, Pass, Result, VarBuilder,
    layers::{Mlp, MlpConfig},
    unpadded::unpadded,
};

/// The configuration of a [`StatNn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatNnConfig {
    /// Width of each hidden layer.
    pub d_hidden: Vec<usize>,
    /// Numbers for each net.
    pub d_out: usize,
    /// Layer normalization of hidden layers.
    pub layer_norm: bool,
    /// Dropout of hidden values.
    pub dropout: f64,
}

impl Blueprint for StatNnConfig {
    fn validate(&self) -> Result<()> {
        sizes::check(&[("model.d_hidden", &self.d_hidden), ("model.d_out", &[self.d_out])])?;
        sizes::check_dropout(self.dropout)
    }

    fn returns(&self) -> Returns {
        Returns::PerGraph { d_out: self.d_out, field: "model.d_out" }
    }

    fn reads_any(&self) -> bool {
        true
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[Symmetry::Permutation]
    }
}

/// `MLP([s(W_0), s(b_0), s(W_1), …])` with statistics s of each: no order of hidden units changes it, to the last bit, but
/// signs and scales do.
///
/// Reads chains of any widths and activations, and of one number of layers. Where some nets are no chains, or their
/// depths differ, it has the statistics of five kinds of numbers: those read from inputs, between hidden units, into outputs, biases of hidden units and of outputs, in place of those of layers. The statistics are taken on the host, and no
/// gradient flows into the nets.
///
/// Variables: below `mlp`.
///
/// # Source
/// T. Unterthiner et al., "Predicting Neural Network Accuracy from Weights", arXiv 2002.11448, 2020.
/// **Departs:** parameters are normalized, and each statistic is there a second time in logarithms, without which
/// layers that differ by orders of magnitude between nets look alike.
#[derive(Debug)]
pub struct StatNn {
    mlp: Mlp,
    normalization: Normalization,
    parts: Parts,
}

/// What statistics are taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// Weights and biases of each of so many layers.
    Layers(usize),
    /// All numbers of each kind.
    Kinds,
}

/// Kinds of numbers of a net of any architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of edges that leave inputs, or the number 1.
    Reading,
    /// Of edges between hidden units.
    Hidden,
    /// Of edges that enter outputs.
    Writing,
    /// Biases of hidden units.
    HiddenBias,
    /// Biases of outputs.
    OutputBias,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Reading, Self::Hidden, Self::Writing, Self::HiddenBias, Self::OutputBias];

    fn of_block(topology: &Topology, block: &Block) -> Self {
        let role = |site: usize| topology.sites()[site].role;
        match (role(block.from), role(block.to)) {
            (_, NodeRole::Output) => Self::Writing,
            (NodeRole::Input, _) => Self::Reading,
            _ => Self::Hidden,
        }
    }
}

impl StatNn {
    /// The model for nets of these architectures.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        config: &StatNnConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let topologies = lowering.topologies();
        let n_layers = topologies.first().map_or(0, |topology| topology.n_layers());
        let alike = |topology: &Arc<Topology>| topology.spec().is_ok() && topology.n_layers() == n_layers;
        let (parts, n_parts) = match topologies.iter().all(alike) {
            true => (Parts::Layers(n_layers), 2 * n_layers),
            false => (Parts::Kinds, Kind::ALL.len()),
        };
        let form = MlpConfig {
            d_hidden: config.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: config.dropout,
        };
        let d_in = n_parts * N_STATISTICS;
        Ok(Self { mlp: Mlp::new(&form, d_in, config.d_out, &vars.at("mlp"))?, normalization, parts })
    }

    /// The statistics of each net of a bucket, those of each part behind each other, `[B][parts · N_STATISTICS]`.
    fn rows(&self, graphs: &GraphBatch) -> Result<Vec<Vec<f64>>> {
        let topology = &graphs.topology;
        let n_graphs = graphs.n_graphs();
        let host = |tensor: &Tensor| {
            // Groups of a block stand beside each other.
            let rows = tensor.contiguous()?.reshape((n_graphs, ()))?;
            rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()
        };
        let scales = self.normalization.scales(topology)?;
        let n_layers = match self.parts {
            Parts::Layers(n_layers) => n_layers,
            Parts::Kinds => {
                let mut of_kind = vec![vec![Vec::new(); Kind::ALL.len()]; n_graphs];
                let mut add = |kind: Kind, rows: Vec<Vec<f64>>, scale: f64| {
                    for (net, row) in rows.into_iter().enumerate() {
                        of_kind[net][kind as usize].extend(row.into_iter().map(|number| number / scale));
                    }
                };
                for (b, block) in topology.blocks().iter().enumerate() {
                    // Edges of chains are padded to the largest kernel of all nets.
                    let edges = match topology.spec() {
                        Ok(_) => unpadded(topology, b, &graphs.edges[b])?,
                        Err(_) => graphs.edges[b].clone(),
                    };
                    add(Kind::of_block(topology, block), host(&edges)?, scales[b].weight);
                }
                for (s, site) in topology.sites().iter().enumerate() {
                    match site.role {
                        NodeRole::Input => {}
                        NodeRole::Hidden => add(Kind::HiddenBias, host(&graphs.nodes[s])?, 1.0),
                        NodeRole::Output => add(Kind::OutputBias, host(&graphs.nodes[s])?, 1.0),
                    }
                }
                let row = |kinds: Vec<Vec<f64>>| {
                    // A net without numbers of a kind has the statistics of a 0.
                    let of_one = |numbers: Vec<f64>| if numbers.is_empty() { vec![0.0] } else { numbers };
                    kinds.into_iter().flat_map(|numbers| statistics(of_one(numbers))).collect()
                };
                return Ok(of_kind.into_par_iter().map(row).collect());
            }
        };
        let mut layers = Vec::with_capacity(n_layers);
        for (l, scale) in scales.into_iter().enumerate() {
            let edges = unpadded(topology, l, &graphs.edges[l])?;
            layers.push((host(&edges)?, host(&graphs.nodes[l + 1])?, scale));
        }
        let row = |net: usize| {
            let of_layer = layers.iter().flat_map(|(weights, biases, scale)| {
                let weights = statistics(weights[net].iter().map(|weight| weight / scale.weight).collect());
                let biases = statistics(biases[net].iter().map(|bias| bias / scale.bias).collect());
                weights.into_iter().chain(biases)
            });
            of_layer.collect()
        };
        Ok((0..graphs.n_graphs()).into_par_iter().map(row).collect())
    }

    /// The statistics of each net of a batch, `[B, parts · N_STATISTICS]`.
    fn statistics(&self, batch: &Batch) -> Result<Tensor> {
        let mut rows = vec![Vec::new(); batch.n_nets()];
        for bucket in &batch.buckets {
            for (row, position) in self.rows(&bucket.graphs)?.into_iter().zip(&bucket.positions) {
                rows[*position] = row;
            }
        }
        let Some(sample) = batch.buckets.first().map(|bucket| &bucket.graphs.nodes[0]) else {
            return Err(Error::config("batch", "at least one net", "none"));
        };
        Ok(Tensor::new(rows, &Device::Cpu)?.to_dtype(sample.dtype())?.to_device(sample.device())?)
    }
}

impl Model for StatNn {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        Ok(Output::PerGraph(self.mlp.forward(&self.statistics(batch)?.into(), pass)?.tensor()?))
    }

    fn features(&self, batch: &Batch, _: &Pass) -> Result<Option<Tensor>> {
        self.statistics(batch).map(Some)
    }
}

/// Numbers that describe one part: a layer's weights, or its biases.
const N_STATISTICS: usize = 14;

/// Standard deviations below this, in units of the layer's root mean square over the training nets, look alike.
const SMALLEST: f64 = 1e-3;

/// Mean, variance and the quantiles 0, 25, 50, 75 and 100 % (between two values, linearly), then `ln(variance + ε²)`
/// and `asinh(x / ε)` of the other six, a logarithm with sign, ε = 1e-3.
fn statistics(mut values: Vec<f64>) -> [f64; N_STATISTICS] {
    // All sums run in this order, so the order of the values changes no bit.
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    let quantile = |share: f64| {
        let place = share * (n - 1.0);
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + place.fract() * (above - below)
    };
    let [low, lower, middle, upper, high] = [0.0, 0.25, 0.5, 0.75, 1.0].map(quantile);
    let logarithm = |value: f64| (value / SMALLEST).asinh();
    let spread = (variance + SMALLEST * SMALLEST).ln();
    let [log_mean, log_low, log_lower, log_middle, log_upper, log_high] =
        [mean, low, lower, middle, upper, high].map(logarithm);
    [
        mean, variance, low, lower, middle, upper, high, //
        log_mean, spread, log_low, log_lower, log_middle, log_upper, log_high,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_mean_variance_and_quantiles_in_any_order() {
        let found = statistics(vec![4.0, 1.0, 0.0, 3.0]);
        assert_eq!(found[..7], [2.0, 2.5, 0.0, 0.75, 2.0, 3.25, 4.0]);
        assert_eq!(found, statistics(vec![0.0, 3.0, 4.0, 1.0]));
        assert!((found[8] - 2.5f64.ln()).abs() < 1e-5, "{found:?}");
        let one = statistics(vec![-2.0]);
        assert_eq!(one[..7], [-2.0, 0.0, -2.0, -2.0, -2.0, -2.0, -2.0]);
        assert_eq!(one[7], -(2000f64.asinh()));
        assert!(statistics(vec![0.0; 3]).iter().all(|value| value.is_finite()));
    }
}
