//! The number by which models are chosen and compared, and how a person reads it.

use serde::{Deserialize, Serialize};

/// A metric that sums up a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Criterion {
    /// Share of nets that are classified rightly, in [0, 1].
    #[serde(rename = "test_accuracy")]
    Accuracy,
    /// Kendall's τ-b between predicted and true scores, in [-1, 1].
    #[serde(rename = "test_tau")]
    Tau,
    /// R², the share of the true numbers' variance that predictions explain, at most 1.
    #[serde(rename = "test_r2")]
    R2,
    /// Mean squared error of pixels, whose brightness runs from 0 to 1.
    #[serde(rename = "test_mse")]
    Mse,
}

impl Criterion {
    /// Its name in records and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Tau => "tau",
            Self::R2 => "r2",
            Self::Mse => "mse",
        }
    }

    /// The criterion of a name in records, summaries and checkpoints.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Accuracy, Self::Tau, Self::R2, Self::Mse]
            .into_iter()
            .find(|criterion| criterion.name() == name)
    }

    /// Its heading in tables, with the unit of [`Criterion::shown`].
    pub fn heading(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy %",
            Self::Tau => "Kendall τ",
            Self::R2 => "R²",
            Self::Mse => "MSE × 10⁻²",
        }
    }

    /// Whether the first value is better than the second; NaN is never better.
    pub fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::Accuracy | Self::Tau | Self::R2 => value > than,
            Self::Mse => value < than,
        }
    }

    /// Whether the largest value is the best one.
    pub fn higher_is_better(self) -> bool {
        self.is_better(1.0, 0.0)
    }

    /// A value in the unit of the heading, such as `96.57`.
    pub fn shown(self, value: f64) -> String {
        format!("{:.*}", self.n_decimals(), self.factor() * value)
    }

    /// Mean and standard deviation in the unit of the heading, such as `96.57 ± 0.10`.
    pub fn shown_spread(self, mean: f64, std: Option<f64>) -> String {
        match std {
            Some(std) => format!("{} ± {}", self.shown(mean), self.shown(std)),
            None => self.shown(mean),
        }
    }

    /// A value with its name and unit, such as `accuracy 96.57 %`.
    pub fn said(self, value: f64) -> String {
        let unit = match self {
            Self::Accuracy => " %",
            Self::Tau | Self::R2 => "",
            Self::Mse => "e-2",
        };
        format!("{} {}{unit}", self.name(), self.shown(value))
    }

    /// The values it can have, where a figure shows all of them.
    pub fn range(self) -> Option<(f64, f64)> {
        match self {
            Self::Accuracy => Some((0.0, 1.0)),
            Self::Tau | Self::R2 | Self::Mse => None,
        }
    }

    fn factor(self) -> f64 {
        match self {
            Self::Accuracy | Self::Mse => 100.0,
            Self::Tau | Self::R2 => 1.0,
        }
    }

    fn n_decimals(self) -> usize {
        match self {
            Self::Accuracy | Self::Mse => 2,
            Self::Tau | Self::R2 => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_the_units_of_the_papers_tables() {
        assert_eq!(Criterion::Accuracy.shown_spread(0.9657, Some(0.001)), "96.57 ± 0.10");
        assert_eq!(Criterion::Tau.shown(0.92764), "0.9276");
        assert_eq!(Criterion::Mse.said(0.0189), "mse 1.89e-2");
    }

    #[test]
    fn an_error_is_better_when_it_is_smaller_and_nan_is_never_better() {
        assert!(Criterion::Mse.is_better(0.1, 0.2) && !Criterion::Accuracy.is_better(0.1, 0.2));
        for criterion in [Criterion::Accuracy, Criterion::Tau, Criterion::R2, Criterion::Mse] {
            assert!(!criterion.is_better(f64::NAN, 0.5));
        }
    }
}
