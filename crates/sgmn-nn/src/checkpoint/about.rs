//! What a checkpoint says about where it comes from, so that it is understood without the run that made it.

use serde::{Deserialize, Serialize};
use sgmn_symmetry::Symmetry;

use crate::trained::Answers;

/// What was asked of a model, how nets are brought to it, and where its variables come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What its answers mean.
    pub answers: Answers,
    /// Symmetries whose canonical form every net is brought to first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonicalize: Vec<Symmetry>,
    /// The experiment that trained it, complete, as TOML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
    /// The nets that it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFacts>,
    /// How good it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
}

/// The nets of a training run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFacts {
    /// Nets to train, validate and test on.
    pub n_nets: [usize; 3],
    /// SHA-256 over these nets and their targets, 64 hexadecimal digits: equal for equal data in any format.
    pub sha256: String,
}

/// The criterion of a run, on nets that the model has not learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Name of the criterion: `accuracy`, `tau`, `r2`, `mse`.
    pub criterion: String,
    /// Epoch of these variables, counted from 1.
    pub epoch: u64,
    /// Its value on the validation nets, by which the epoch was chosen.
    pub validation: f64,
    /// Its value on the test nets, once the run is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
}

impl About {
    /// What is certain where only the meaning of answers is known: nets are read as they are.
    pub fn of(answers: Answers) -> Self {
        Self { answers, canonicalize: Vec::new(), experiment: None, data: None, reached: None }
    }
}
