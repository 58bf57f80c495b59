//! The models, each from its configuration, all with one face.

mod dws;
mod flat_mlp;
mod head;
mod inr2vec;
mod linear_layers;
mod neural_graph;
mod nfn;
mod ng_gnn;
mod ng_t;
mod output;
mod param_reader;
mod probing;
mod published;
pub(crate) mod scalegmn;
pub(crate) mod sizes;
mod stat_nn;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, Lowering, Seed};

pub use dws::{Dws, DwsConfig};
pub use flat_mlp::{FlatMlp, FlatMlpConfig};
pub use head::{ChangeScales, HeadConfig, Returns};
pub use inr2vec::{Inr2Vec, Inr2VecConfig, Reconstruction, RowRange};
pub use nfn::{FourierConfig, Nfn, NfnConfig, NfnVariant};
pub use ng_gnn::{NgGnn, NgGnnConfig};
pub use ng_t::{NgT, NgTConfig};
pub use output::{Output, ParamDeltas};
pub use probing::{Probing, ProbingConfig};
pub(crate) use published::PART;
pub use published::{from_published, to_published};
pub use scalegmn::{
    AnswersConfig, Compatibility, Direction, OutputConfig, PerGraph, ReadoutRange, ReversedScale, ScaleGmn,
    ScaleGmnConfig,
};
pub use stat_nn::{StatNn, StatNnConfig};

use crate::{Error, Normalization, Pass, Result, VarBuilder, VarStore};

/// A model that reads nets.
pub trait Model {
    /// The output for a batch of nets.
    ///
    /// # Errors
    /// If the nets do not fit the model.
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output>;

    /// The features of each net that the model's head reads, `[B, d]`; none for a model without a head of whole nets.
    ///
    /// # Errors
    /// As [`Model::forward`].
    fn features(&self, _batch: &Batch, _pass: &Pass) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Whether a batch of nets of the model's architectures may leave the variable of this name without gradient.
    fn may_lack_gradient(&self, _name: &str) -> bool {
        false
    }
}

/// The configuration of one kind of model: what it returns and what it claims.
pub trait Blueprint {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the first field that cannot be used.
    fn validate(&self) -> Result<()>;

    /// What the model returns.
    fn returns(&self) -> Returns;

    /// Whether the model reads nets of any architecture; else chains of layers alone.
    fn reads_any(&self) -> bool {
        false
    }

    /// The symmetries of nets that the model respects exactly; tests hold it to them, and to no others.
    fn respected(&self) -> &'static [sgmn_symmetry::Symmetry];
}

/// The list of models: adding one is its file and its line here.
macro_rules! register {
    ($($(#[doc = $sentence:literal])+ $kind:ident($config:ty) = $name:literal,)*) => {
        /// The configuration of any model.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        #[non_exhaustive]
        pub enum ModelConfig {
            $($(#[doc = $sentence])+ #[serde(rename = $name)] $kind($config),)*
        }

        impl ModelConfig {
            /// The kinds of model by their words in files, each with a sentence.
            pub const KINDS: &[(&str, &str)] = &[$(($name, concat!($($sentence),+)),)*];

            /// The word of its kind.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }

            /// The configuration as what every kind of model has.
            pub fn blueprint(&self) -> &dyn Blueprint {
                match self {
                    $(Self::$kind(config) => config,)*
                }
            }

            /// The model of a valid configuration; every kind has a type of its name with this constructor.
            fn model(
                &self,
                lowering: &Lowering,
                normalization: Normalization,
                vars: &VarBuilder,
            ) -> Result<Box<dyn Model>> {
                Ok(match self {
                    $(Self::$kind(config) => Box::new($kind::new(config, lowering, normalization, vars)?),)*
                })
            }
        }
    };
}

register! {
    /// linear equivariant layers on weights and biases: blind to the order of hidden units
    Dws(DwsConfig) = "dws",
    /// a perceptron of all parameters in a row: no symmetry
    FlatMlp(FlatMlpConfig) = "flat_mlp",
    /// an embedding of the rows of all matrices, which may learn from what nets compute: no symmetry
    Inr2Vec(Inr2VecConfig) = "inr2vec",
    /// linear equivariant layers on Fourier features of weights and biases: blind to the order of units
    Nfn(NfnConfig) = "nfn",
    /// message passing over the neural graph, edges updated too: blind to the order of units
    NgGnn(NgGnnConfig) = "ng_gnn",
    /// relational transformer over the neural graph: blind to the order of units
    NgT(NgTConfig) = "ng_t",
    /// outputs of nets on learned inputs, read by a perceptron (ProbeGen): every symmetry that keeps the function
    Probing(ProbingConfig) = "probes",
    /// scale equivariant graph metanetwork, forward or bidirectional
    ScaleGmn(ScaleGmnConfig) = "scalegmn",
    /// a perceptron of each layer's mean, variance and quantiles: blind to the order of units
    StatNn(StatNnConfig) = "stat_nn",
}

impl ModelConfig {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the first field that cannot be used.
    pub fn validate(&self) -> Result<()> {
        self.blueprint().validate()
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

    /// That a model which reads chains alone is not asked to read other nets.
    fn check_reads(&self, lowering: &Lowering) -> Result<()> {
        if self.blueprint().reads_any() {
            return Ok(());
        }
        match lowering.topologies().iter().find(|topology| topology.spec().is_err()) {
            None => Ok(()),
            Some(topology) => {
                let expected = "a model that reads nets which are no chain of layers (scalegmn, ng_gnn, ng_t, \
                                stat_nn, flat_mlp, without probes, that return numbers for each net)";
                let found = format!("{} for {}", self.kind(), topology.fingerprint());
                Err(Error::config("model.kind", expected, found))
            }
        }
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
        self.check_reads(lowering)?;
        let model = self.model(lowering, normalization, &vars)?;
        Ok((model, vars.finish()))
    }
}
