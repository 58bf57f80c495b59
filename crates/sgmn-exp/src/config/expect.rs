//! `[expect]`: what the paper reports for an experiment.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::check;
use crate::metrics::Criterion;

/// The published value that a run is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What is compared.
    pub metric: Criterion,
    /// Mean over the paper's seeds, in the metric's own unit.
    pub paper_mean: f64,
    /// Standard deviation over the paper's seeds, in the same unit, where it is reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper_std: Option<f64>,
}

impl Expect {
    pub(super) fn validate(&self) -> Result<()> {
        match self.metric {
            Criterion::Accuracy | Criterion::Tau | Criterion::R2 => {
                check::fraction("expect.paper_mean", self.paper_mean)?;
            }
            Criterion::Mse => check::not_negative("expect.paper_mean", self.paper_mean)?,
        }
        self.paper_std.map_or(Ok(()), |std| check::not_negative("expect.paper_std", std))
    }
}
