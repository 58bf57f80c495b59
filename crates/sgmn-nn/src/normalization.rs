//! One constant a layer and kind that brings raw parameters to a common size, without touching any symmetry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sgmn_graph::{Block, Net, Topology};

use crate::{Error, Result};

/// Root mean squares by which each layer's weights and biases are divided before a model reads them.
///
/// No mean is subtracted, and one constant serves a whole layer, so permutations, signs and positive scalings commute
/// with it: nothing of the symmetry is lost.
/// Raw weights of an INR span two orders of magnitude between layers; models that read them raw sit at chance for
/// hundreds of steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Normalization {
    /// By the fingerprint of the architecture; none at all means no normalization.
    scales: BTreeMap<String, Vec<LayerScale>>,
}

/// The constants of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerScale {
    /// Root mean square of the weights.
    pub weight: f64,
    /// Root mean square of the biases.
    pub bias: f64,
}

/// The constants of a layer that is left alone.
const UNIT: LayerScale = LayerScale { weight: 1.0, bias: 1.0 };

impl Normalization {
    /// Parameters are read as they are.
    pub fn none() -> Self {
        Self::default()
    }

    /// The root mean squares over the given nets, the training set; a layer of zeros is left alone.
    pub fn fit<'a>(nets: impl IntoIterator<Item = &'a Net>) -> Self {
        let mut accumulator = RmsAccumulator::default();
        for net in nets {
            accumulator.add(net);
        }
        accumulator.finish()
    }

    /// The constants of each layer of an architecture; of a net that is no chain, those that its shape alone makes
    /// expect, for blocks of edges: sums over n senders and K numbers keep their size if weights are of the order of
    /// 1/√(n K).
    ///
    /// # Errors
    /// [`Error::Config`] if the constants were fitted without this architecture.
    pub fn scales(&self, topology: &Topology) -> Result<Vec<LayerScale>> {
        if topology.spec().is_err() {
            return Ok(topology.blocks().iter().map(|block| expected(topology, block)).collect());
        }
        if self.scales.is_empty() {
            return Ok(vec![UNIT; topology.n_layers()]);
        }
        let fingerprint = topology.fingerprint();
        self.scales.get(&fingerprint).cloned().ok_or_else(|| {
            let known: Vec<_> = self.scales.keys().map(String::as_str).collect();
            Error::config(
                "normalization",
                format!("an architecture of the training set ({})", known.join("; ")),
                fingerprint,
            )
        })
    }
}

/// The constants of a block of edges that its shape makes expect.
fn expected(topology: &Topology, block: &Block) -> LayerScale {
    // Tables of many rows, of which each input takes one, are edges of as many numbers.
    const MOST_NUMBERS: usize = 1024;
    let [_, _, n_senders] = block.shape(topology.sites());
    let n_numbers = (n_senders * block.n_values).clamp(1, MOST_NUMBERS);
    LayerScale { weight: (n_numbers as f64).sqrt().recip(), bias: 1.0 }
}

/// Collects squares net by net, for training sets that do not fit in memory.
#[derive(Debug, Clone, Default)]
pub struct RmsAccumulator {
    /// By architecture: nets seen, and the sum of squares of weights and biases of each layer.
    sums: BTreeMap<String, (usize, Vec<LayerSums>)>,
}

#[derive(Debug, Clone, Default)]
struct LayerSums {
    n_weights: usize,
    n_biases: usize,
    weight: f64,
    bias: f64,
}

impl RmsAccumulator {
    /// Adds the squares of a net's parameters.
    pub fn add(&mut self, net: &Net) {
        let n_layers = net.spec().layers().len();
        let entry = self.sums.entry(net.spec().fingerprint());
        let (n_nets, layers) = entry.or_insert_with(|| (0, vec![LayerSums::default(); n_layers]));
        *n_nets += 1;
        for (l, sums) in layers.iter_mut().enumerate() {
            let squares = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
            sums.n_weights = net.weight(l).len();
            sums.n_biases = net.bias(l).len();
            sums.weight += squares(net.weight(l));
            sums.bias += squares(net.bias(l));
        }
    }

    /// The root mean squares of everything added.
    pub fn finish(self) -> Normalization {
        let rms = |sum: f64, n: usize| {
            let value = (sum / n as f64).sqrt();
            if value > 0.0 && value.is_finite() { value } else { 1.0 }
        };
        let scale = |n_nets: usize, sums: &LayerSums| LayerScale {
            weight: rms(sums.weight, n_nets * sums.n_weights),
            bias: rms(sums.bias, n_nets * sums.n_biases),
        };
        let scales = self.sums.into_iter().map(|(fingerprint, (n_nets, layers))| {
            (fingerprint, layers.iter().map(|sums| scale(n_nets, sums)).collect())
        });
        Normalization { scales: scales.collect() }
    }
}
