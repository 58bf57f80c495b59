//! `[task]`: the question that is asked about a net.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::check;

/// The question, with what its loss and metrics need to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Which of several classes does the net belong to? Cross-entropy, accuracy.
    Classify {
        /// Number of classes.
        n_classes: usize,
    },
    /// Which score in [0, 1] does the net reach? Squared error of a sigmoid, Kendall's τ.
    Predict {},
}

impl Task {
    /// The program whose experiments ask this question.
    pub fn program(&self) -> &'static str {
        match self {
            Self::Classify { .. } => "inr-classification",
            Self::Predict {} => "generalization-prediction",
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Classify { n_classes } => check::at_least("task.n_classes", 2, *n_classes),
            Self::Predict {} => Ok(()),
        }
    }
}
