//! `[expect]`: what the paper reports for an experiment.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::check;

/// The published value that a run is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What is compared.
    pub metric: Metric,
    /// Mean over the paper's seeds, in the metric's own unit.
    pub paper_mean: f64,
    /// Standard deviation over the paper's seeds, in the same unit.
    pub paper_std: f64,
}

/// A number that sums up a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of test nets that are classified rightly, in [0, 1].
    TestAccuracy,
}

impl Expect {
    pub(super) fn validate(&self) -> Result<()> {
        match self.metric {
            Metric::TestAccuracy => check::fraction("expect.paper_mean", self.paper_mean)?,
        }
        check::not_negative("expect.paper_std", self.paper_std)
    }
}
