//! How a run ended, its final numbers, and where it stands meanwhile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sgmn_symmetry::Repairs;

use crate::{
    metrics::{Confusion, Criterion, Mean},
    tasks::Standard,
};

/// How a call ended.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a call has one")]
pub enum Outcome {
    /// The run is finished.
    Finished(Summary),
    /// The caller asked to stop; everything is saved, `--resume` goes on.
    Interrupted,
}

/// The final numbers of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Name of the experiment.
    pub name: String,
    /// Its hash.
    pub experiment: String,
    /// Seed of the run.
    pub seed: u64,
    /// Learned numbers of the model.
    pub n_params: usize,
    /// Nets trained, validated and tested on.
    pub n_nets: [usize; 3],
    /// Nets that could not be read and were left out; `skipped.csv` names them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_skipped: usize,
    /// What the best epoch was chosen by.
    pub criterion: Criterion,
    /// Epoch of the best validation, counted from 1.
    pub best_epoch: u64,
    /// The criterion there.
    pub best_val: f64,
    /// Metrics on the test nets of the best model.
    pub test: BTreeMap<String, f64>,
    /// What was taken for what on the test nets.
    pub confusion: Option<Confusion>,
    /// Predicted and true number of each test net, in their order, for predictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<[f64; 2]>,
    /// Steps taken.
    pub n_steps: u64,
    /// Working time of all calls together, in seconds.
    pub seconds: f64,
    /// Nets per second in training steps.
    pub nets_per_second: f64,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Where a run stands, beside variables and optimizer; kept in its checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    /// Hash of the experiment.
    pub(super) experiment: String,
    /// Nets to train, validate and test on.
    pub(super) n_nets: [usize; 3],
    /// Finished epochs.
    pub(super) epoch: u64,
    /// Finished batches of the epoch that runs.
    pub(super) batch: usize,
    pub(super) n_steps: u64,
    /// Loss and criterion over the training nets since the last evaluation.
    pub(super) train_loss: Mean,
    pub(super) train_score: Mean,
    pub(super) best_val: Option<f64>,
    pub(super) best_epoch: u64,
    /// Evaluations since the best one.
    pub(super) n_worse: u64,
    /// By which numbers to be predicted were standardized, for tasks that do so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) standard: Option<Standard>,
    pub(super) repairs: Repairs,
    pub(super) seconds: f64,
    /// Of which in training steps, and the nets trained on meanwhile.
    pub(super) step_seconds: f64,
    pub(super) n_trained: u64,
}
