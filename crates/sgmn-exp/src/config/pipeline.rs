//! `[pipeline]`: what happens to a net between its file and the model.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sgmn_symmetry::Symmetry;

use super::check;

/// The way of a net to the model: canonicalize, augment (training only), collate; the model itself normalizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Whether weights and biases are brought to a common size.
    pub normalize: Normalize,
    /// Symmetries whose canonical form every net is brought to, in the canonical form's own order; none if left out.
    #[serde(default)]
    pub canonicalize: Vec<Symmetry>,
    /// What is done to training nets at random, in this order; nothing if left out.
    #[serde(default)]
    pub augment: Vec<Augment>,
    /// Threads that prepare batches; the batches do not depend on their number.
    pub workers: usize,
}

/// Whether weights and biases are brought to a common size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Each layer's weights, and each layer's biases, are divided by their root mean square over the training set.
    ///
    /// No mean is subtracted, so the division commutes with permutations, signs and positive scalings.
    LayerRms,
    /// Nets are read as they are; published checkpoints need this.
    None,
}

/// A random change of training nets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Augment {
    /// A random element of each symmetry acts on the net; its function stays as it is.
    RandomAction {
        /// The symmetries; one element is drawn that combines them, so their order here does not matter.
        symmetries: Vec<Symmetry>,
    },
}

impl Pipeline {
    pub(super) fn validate(&self) -> Result<()> {
        for augment in &self.augment {
            let Augment::RandomAction { symmetries } = augment;
            check::at_least("pipeline.augment.symmetries: number of symmetries", 1, symmetries.len())?;
        }
        check::at_least("pipeline.workers", 1, self.workers)
    }
}
