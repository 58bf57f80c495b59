//! `[pipeline]`: what happens to a net between its file and the model.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sgmn_symmetry::{Levels, Motion, Symmetry};

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
    /// Training nets of one architecture that follow each other, as far as there are so many: a batch of few architectures
    /// is read in fewer passes. 1, nets at random, if left out.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub alike: usize,
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
    /// The net of a moved input stands in the place of the net: what it draws is turned, shifted, stretched. The target
    /// stays, so the question has to have the same answer then.
    MoveInputs(Motion),
    /// Noise is added to every parameter, `deviation` times the root mean square of its layer's weights or biases.
    AddNoise {
        /// Standard deviation of the noise for parameters of size 1.
        deviation: f64,
    },
    /// The net of rescaled outputs stands in the place of the net: contrast and brightness of what it draws.
    ScaleOutputs(Levels),
}

impl Pipeline {
    /// The first random change of training nets that changes their function, if there is one.
    pub fn moves(&self) -> Option<&'static str> {
        self.augment.iter().find_map(|change| match change {
            Augment::RandomAction { .. } | Augment::AddNoise { .. } => None,
            Augment::MoveInputs(_) => Some("move_inputs"),
            Augment::ScaleOutputs(_) => Some("scale_outputs"),
        })
    }

    pub(super) fn validate(&self) -> Result<()> {
        for augment in &self.augment {
            match augment {
                Augment::RandomAction { symmetries } => {
                    let key = "pipeline.augment.symmetries: number of symmetries";
                    check::at_least(key, 1, symmetries.len())?;
                }
                Augment::AddNoise { deviation } => {
                    let key = "pipeline.augment.deviation";
                    anyhow::ensure!(
                        (0.0..1.0).contains(deviation),
                        "{key}: expected a number from 0 to below 1, found {deviation}"
                    );
                }
                Augment::MoveInputs(motion) => motion.validate().context("pipeline.augment")?,
                Augment::ScaleOutputs(levels) => levels.validate().context("pipeline.augment")?,
            }
        }
        check::at_least("pipeline.alike", 1, self.alike)?;
        check::at_least("pipeline.workers", 1, self.workers)
    }
}

fn one() -> usize {
    1
}

fn is_one(n: &usize) -> bool {
    *n == 1
}
