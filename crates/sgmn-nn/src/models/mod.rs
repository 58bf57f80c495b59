//! The models, each from its configuration, all with one face.

mod config;
mod flat_mlp;
mod layout;
mod plan;
mod published;
mod reach;
mod scalegmn;
mod stat_nn;
mod work;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, Lowering, Seed};

pub use config::{
    Compatibility, Direction, EquivariantConfig, IoEmbedding, IoPath, OutputConfig, PerGraph, ReadoutRange,
    ReversedScale, ScaleGmnConfig, SignInvariant, Symmetry,
};
pub use flat_mlp::{FlatMlp, FlatMlpConfig};
pub use layout::Layout;
pub use published::from_published;
pub use scalegmn::ScaleGmn;
pub use stat_nn::{StatNn, StatNnConfig};
pub use work::ReducedWork;

use crate::{Normalization, Pass, Result, VarBuilder, VarStore};

/// What a model returns for a batch.
#[derive(Debug, Clone)]
pub enum Output {
    /// Numbers for each net, `[B, d_out]`, in the batch's order.
    PerGraph(Tensor),
    /// A change of every parameter: for each bucket of the batch, one for each changed copy of its nets.
    PerParam(Vec<Vec<ParamDeltas>>),
}

/// Changes of the parameters of the nets in one bucket.
#[derive(Debug, Clone, Default)]
pub struct ParamDeltas {
    /// Change of each layer's weight, `[B, n_out, n_in, K]` with K values an edge.
    pub weights: Vec<Tensor>,
    /// Change of each layer's bias, `[B, n_out]`.
    pub biases: Vec<Tensor>,
}

impl Output {
    /// The same numbers without the graph that computed them.
    pub fn detach(&self) -> Self {
        self.map(|tensor| Ok(tensor.detach())).expect("to detach a tensor cannot fail")
    }

    /// The same numbers on a device; the graph stays.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        self.map(|tensor| Ok(tensor.to_device(device)?))
    }

    fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let all = |tensors: &[Tensor]| tensors.iter().map(&f).collect::<Result<Vec<_>>>();
        Ok(match self {
            Self::PerGraph(rows) => Self::PerGraph(f(rows)?),
            Self::PerParam(deltas) => {
                let one = |ParamDeltas { weights, biases }: &ParamDeltas| {
                    Ok(ParamDeltas { weights: all(weights)?, biases: all(biases)? })
                };
                let bucket = |copies: &Vec<ParamDeltas>| copies.iter().map(one).collect::<Result<_>>();
                Self::PerParam(deltas.iter().map(bucket).collect::<Result<_>>()?)
            }
        })
    }
}

/// A model that reads nets.
pub trait Model {
    /// The output for a batch of nets.
    ///
    /// # Errors
    /// If the nets do not fit the model.
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output>;

    /// Whether a batch of nets of the model's architectures may leave the variable of this name without gradient.
    fn may_lack_gradient(&self, name: &str) -> bool;
}

/// The configuration of any model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModelConfig {
    /// A scale equivariant graph metanetwork.
    #[serde(rename = "scalegmn")]
    ScaleGmn(ScaleGmnConfig),
    /// A perceptron of the parameters in a row: no symmetry.
    FlatMlp(FlatMlpConfig),
    /// A perceptron of each layer's statistics: reordering changes nothing, signs and scales do.
    StatNn(StatNnConfig),
}

impl ModelConfig {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the first field that cannot be used.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::ScaleGmn(config) => config.validate(),
            Self::FlatMlp(config) => config.validate(),
            Self::StatNn(config) => config.validate(),
        }
    }

    /// The model for nets of the given architectures, and its variables.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the configuration or the architectures cannot be used.
    pub fn build(
        &self,
        lowering: &Lowering,
        normalization: Normalization,
        seed: Seed,
        dtype: DType,
        device: &Device,
    ) -> Result<(Box<dyn Model>, VarStore)> {
        self.build_below(lowering, normalization, VarBuilder::new(seed, dtype, device))
    }

    /// The same, its variables created by a cursor at the root of an empty store.
    ///
    /// # Errors
    /// As [`ModelConfig::build`]; [`crate::Error::Variable`] if the cursor's limit is passed.
    pub fn build_below(
        &self,
        lowering: &Lowering,
        normalization: Normalization,
        vars: VarBuilder,
    ) -> Result<(Box<dyn Model>, VarStore)> {
        self.validate()?;
        let model: Box<dyn Model> = match self {
            Self::ScaleGmn(config) => {
                Box::new(ScaleGmn::new(config, &Layout::of(lowering)?, normalization, &vars)?)
            }
            Self::FlatMlp(config) => Box::new(FlatMlp::new(config, lowering, normalization, &vars)?),
            Self::StatNn(config) => Box::new(StatNn::new(config, lowering, normalization, &vars)?),
        };
        Ok((model, vars.finish()))
    }
}
