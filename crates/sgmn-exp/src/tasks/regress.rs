//! Which number belongs to a net? Any number in any unit, read from nothing but the net's parameters.

use anyhow::{Result, bail, ensure};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_data::Target;
use sgmn_nn::models::Output;

use super::{Scores, Task, number};
use crate::data::pipeline::PreparedBatch;

/// `mean (output − (y − μ) / σ)²` to learn by, R² between `σ · output + μ` and y to judge by.
///
/// μ and σ are those of the training nets, so the loss is a share of their variance; predictions and their errors are
/// reported in the unit of y.
#[derive(Debug, Clone, Copy)]
pub struct Regress {
    /// Mean and deviation of the training nets.
    pub standard: Standard,
}

/// Mean μ and standard deviation σ of the numbers of the training nets, σ² = Σ (y − μ)² / n.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// μ.
    pub mean: f64,
    /// σ, above 0.
    pub deviation: f64,
}

impl Standard {
    /// Of what is asked about the training nets.
    ///
    /// # Errors
    /// If there is no number, one is missing, or all are equal.
    pub fn of(train: &[Target]) -> Result<Self> {
        let values = numbers(train)?;
        let n = values.len() as f64;
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        ensure!(largest > 0.0, "data: expected numbers of training nets that differ, found none or only 0");
        // Divided first: squares of very large or very small numbers are no numbers.
        let mean = values.iter().map(|value| value / largest).sum::<f64>() / n;
        let square = values.iter().map(|value| (value / largest - mean).powi(2)).sum::<f64>() / n;
        let standard = Self { mean: mean * largest, deviation: square.sqrt() * largest };
        let differ = values.iter().any(|value| *value != values[0]);
        ensure!(
            differ && standard.deviation > 0.0,
            "data: expected numbers of training nets that differ, found {} everywhere",
            values[0]
        );
        Ok(standard)
    }

    /// `(y − μ) / σ`
    pub fn standardized(self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }

    /// `σ x + μ`
    pub fn in_unit(self, standardized: f64) -> f64 {
        self.deviation * standardized + self.mean
    }
}

impl Task for Regress {
    fn standard(&self) -> Option<Standard> {
        Some(self.standard)
    }

    fn loss(&self, asked: &PreparedBatch, output: &Output) -> Result<Tensor> {
        let truth = numbers(&asked.targets)?.into_iter().map(|value| self.standard.standardized(value));
        number::squared_error(&standardized_predictions(output)?, truth.collect())
    }

    fn judge_step(
        &self,
        loss: f64,
        output: &Output,
        targets: &[Target],
        collected: &mut Scores,
    ) -> Result<()> {
        let predicted = standardized_predictions(output)?;
        number::collect(loss, &predicted, |x| self.standard.in_unit(x), numbers(targets)?, collected)
    }
}

fn numbers(targets: &[Target]) -> Result<Vec<f64>> {
    targets.iter().map(finite).collect()
}

pub(super) fn finite(target: &Target) -> Result<f64> {
    let found = match target {
        Target::Score(score) if score.is_finite() => return Ok(*score),
        Target::Score(score) => score.to_string(),
        Target::Class(class) => format!("the class {class}"),
        Target::None => "none".to_owned(),
    };
    bail!("expected a finite number to predict, found {found}")
}

/// What the model says, `[B]`, with gradient.
fn standardized_predictions(output: &Output) -> Result<Tensor> {
    number::of_each_net(output, "regression", "number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64]) -> Vec<Target> {
        values.iter().map(|value| Target::Score(*value)).collect()
    }

    #[test]
    fn standardized_numbers_have_mean_0_and_deviation_1_and_come_back_in_their_unit() {
        let values = [12.5, 80.0, -3.0, 99.5];
        for factor in [1.0, 1e-200, 1e200] {
            let values = values.map(|value| value * factor);
            let standard = Standard::of(&scores(&values)).unwrap();
            let standardized = values.map(|value| standard.standardized(value));
            assert!(standardized.iter().sum::<f64>().abs() < 1e-12, "{standardized:?}");
            let square = standardized.iter().map(|value| value * value).sum::<f64>() / 4.0;
            assert!((square - 1.0).abs() < 1e-12, "{standardized:?}");
            for (value, standardized) in values.into_iter().zip(standardized) {
                let back = standard.in_unit(standardized);
                assert!((back - value).abs() <= 1e-14 * factor * 100.0, "{back} {value}");
            }
        }
    }

    #[test]
    fn numbers_that_do_not_differ_cannot_be_learned() {
        for (values, found) in [
            (&[][..], "none or only 0"),
            (&[0.0, 0.0], "none or only 0"),
            (&[0.1, 0.1, 0.1], "0.1 everywhere"),
            (&[5.0], "5 everywhere"),
        ] {
            let message = Standard::of(&scores(values)).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("data: expected numbers of training nets that differ, found {found}")
            );
        }
        for target in [Target::Score(f64::INFINITY), Target::Class(1), Target::None] {
            assert!(Standard::of(&[target]).unwrap_err().to_string().starts_with("expected a finite number"));
        }
    }
}
