//! The two ways in which models answer: numbers for each net, or a change of each of its parameters.

use std::sync::Arc;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering, Topology};

use super::ParamDeltas;
use crate::{Error, Init, Result, VarBuilder, normalization::LayerScale};

/// What a model returns, as its configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Numbers for each net.
    PerGraph {
        /// How many.
        d_out: usize,
        /// The field of the configuration that says so.
        field: &'static str,
    },
    /// A change of every parameter.
    PerParam {
        /// Changed nets for each net.
        n_copies: usize,
    },
}

/// The answer of a model that can give both: `[model.output]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HeadConfig {
    /// Numbers for each net.
    PerGraph {
        /// How many.
        d_out: usize,
    },
    /// A change of every parameter, times a learned scale a layer that starts at `initial_scale`.
    PerParam {
        /// Start of the learned scales.
        initial_scale: f64,
    },
}

impl HeadConfig {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot be used.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::PerGraph { d_out: 0 } => Err(Error::config("model.output.d_out", "at least 1", 0)),
            Self::PerParam { initial_scale } if !initial_scale.is_finite() => {
                Err(Error::config("model.output.initial_scale", "a finite number", initial_scale))
            }
            _ => Ok(()),
        }
    }

    /// What the model returns.
    pub fn returns(&self) -> Returns {
        match self {
            Self::PerGraph { d_out } => Returns::PerGraph { d_out: *d_out, field: "model.output.d_out" },
            Self::PerParam { .. } => Returns::PerParam { n_copies: 1 },
        }
    }
}

/// The learned scales of changes, one for the weights and one for the biases of each layer.
///
/// Variables: `weight_scale.l` and `bias_scale.l`, scalars.
#[derive(Debug, Clone)]
pub struct ChangeScales {
    weights: Vec<Tensor>,
    biases: Vec<Tensor>,
}

impl ChangeScales {
    /// Scales for nets of up to `n_layers` layers.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(initial: f64, n_layers: usize, vars: &VarBuilder) -> Result<Self> {
        let scales = |name: &str| -> Result<Vec<Tensor>> {
            let scale = |l: usize| vars.at(name).var(&l.to_string(), &[], Init::Constant(initial));
            (0..n_layers).map(scale).collect()
        };
        Ok(Self { weights: scales("weight_scale")?, biases: scales("bias_scale")? })
    }

    /// The changes of a bucket's nets, in the nets' own units, from features in units of the normalization:
    /// `ΔW_l = s_l rms(W_l) e_l`, `Δb_l = s'_l rms(b_l) x_l`, and 0 where the net has no bias that could change.
    ///
    /// # Shapes
    /// `edges` of each layer `[B, n_out, n_in, K n_copies]`, the numbers of one copy after those of another, `nodes` of
    /// each layer's receivers `[B, n_out, n_copies]`.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn apply(
        &self,
        topology: &Topology,
        edges: &[Tensor],
        nodes: &[Tensor],
        units: &[LayerScale],
        n_copies: usize,
    ) -> Result<Vec<ParamDeltas>> {
        let scaled = |values: &Tensor, scale: &Tensor, unit: f64| -> Result<Tensor> {
            Ok((values.broadcast_mul(scale)? * unit)?)
        };
        let mut copies = vec![ParamDeltas::default(); n_copies];
        for (l, unit) in units.iter().enumerate() {
            let weights = scaled(&edges[l], &self.weights[l], unit.weight)?.chunk(n_copies, 3)?;
            let mut biases = scaled(&nodes[l], &self.biases[l], unit.bias)?;
            if !topology.has_bias(l + 1) {
                // Times a tensor, for candle cuts the gradient at a constant of 0: variables get one, which is zero.
                biases = biases.broadcast_mul(&self.biases[l].zeros_like()?)?;
            }
            let biases = biases.chunk(n_copies, 2)?;
            for (copy, (weight, bias)) in copies.iter_mut().zip(weights.into_iter().zip(biases)) {
                copy.weights.push(weight);
                copy.biases.push(bias.squeeze(2)?);
            }
        }
        Ok(copies)
    }
}

/// The only bucket of a batch, for models that read nets of one architecture: that of the topology.
///
/// # Errors
/// [`Error::Config`] if there are others.
pub(super) fn only_bucket<'a>(batch: &'a Batch, topology: &Topology) -> Result<&'a GraphBatch> {
    match batch.buckets.as_slice() {
        [bucket] if *bucket.graphs.topology == *topology => Ok(&bucket.graphs),
        buckets => {
            let found: Vec<_> = buckets.iter().map(|bucket| bucket.graphs.topology.fingerprint()).collect();
            Err(Error::config("batch", format!("nets of {}", topology.fingerprint()), found.join("; ")))
        }
    }
}

/// The one architecture of a dataset, for models that read no other.
///
/// # Errors
/// [`Error::Config`] if there are more.
pub(super) fn only_topology<'a>(lowering: &'a Lowering, kind: &str) -> Result<&'a Arc<Topology>> {
    match lowering.topologies() {
        [topology] => Ok(topology),
        others => {
            let expected = format!("a model that reads any architecture ({kind} reads one)");
            Err(Error::config("model.kind", expected, format!("{} architectures", others.len())))
        }
    }
}
