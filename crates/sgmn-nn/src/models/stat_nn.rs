//! The baseline of statistics: a perceptron of each layer's mean, variance and quantiles.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering};
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

    fn respected(&self) -> &'static [Symmetry] {
        &[Symmetry::Permutation]
    }
}

/// `MLP([s(W_0), s(b_0), s(W_1), …])` with statistics s of each: no order of hidden units changes it, to the last bit, but
/// signs and scales do.
///
/// Reads nets of any widths and activations, and of one number of layers. The statistics are taken on the host, and no
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
    n_layers: usize,
}

impl StatNn {
    /// The model for nets of one depth.
    ///
    /// # Errors
    /// [`Error::Config`] if there is more than one.
    pub fn new(
        config: &StatNnConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let mut depths = lowering.topologies().iter().map(|topology| topology.n_layers());
        let n_layers = depths.next().unwrap_or(0);
        if let Some(other) = depths.find(|depth| *depth != n_layers) {
            return Err(Error::config(
                "model.kind",
                "a model that reads nets of any depth (stat_nn reads one)",
                format!("nets of {n_layers} and of {other} layers"),
            ));
        }
        let form = MlpConfig {
            d_hidden: config.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: config.dropout,
        };
        let d_in = n_layers * 2 * N_STATISTICS;
        Ok(Self { mlp: Mlp::new(&form, d_in, config.d_out, &vars.at("mlp"))?, normalization, n_layers })
    }

    /// The statistics of each net of a bucket, `[B][2 L N_STATISTICS]`.
    fn rows(&self, graphs: &GraphBatch) -> Result<Vec<Vec<f64>>> {
        let topology = &graphs.topology;
        let host = |tensor: &Tensor| {
            tensor.flatten_from(1)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()
        };
        let scales = self.normalization.scales(topology)?;
        let mut layers = Vec::with_capacity(self.n_layers);
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

    /// The statistics of each net of a batch, `[B, 2 L N_STATISTICS]`.
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

/// Numbers that describe one layer's weights, or its biases.
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
