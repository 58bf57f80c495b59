//! What the numbers mean that a model returns.

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    models::{ModelConfig, Returns},
};

/// What a model's output is the answer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answers {
    /// Which class? `softmax(output)` are their probabilities.
    Classes {
        /// Their names, in their order.
        names: Vec<String>,
    },
    /// Which score in [0, 1]? `σ(output)`.
    Score {},
    /// Which number? `deviation · output + mean`, in the unit of the targets that were learned from.
    Number {
        /// Mean of these targets.
        mean: f64,
        /// Their standard deviation.
        deviation: f64,
    },
    /// How should the net be changed? A change of every parameter.
    Changes {},
    /// Nobody has said: the output as it is.
    Plain {},
}

impl Answers {
    /// What is certain of a model of which nobody has said what it was asked.
    pub fn unsaid(config: &ModelConfig) -> Self {
        match config.blueprint().returns() {
            Returns::PerGraph { .. } => Self::Plain {},
            Returns::PerParam { .. } => Self::Changes {},
        }
    }

    /// Whether a model of this configuration can answer so.
    ///
    /// # Errors
    /// [`Error::Config`] if it returns another number of numbers.
    pub fn check(&self, config: &ModelConfig) -> Result<()> {
        let expected = match self {
            Self::Classes { names } => Some(names.len()),
            Self::Score {} | Self::Number { .. } => Some(1),
            Self::Changes {} => None,
            Self::Plain {} => return Ok(()),
        };
        match (config.blueprint().returns(), expected) {
            (Returns::PerGraph { d_out, field }, Some(n)) if d_out != n => {
                Err(Error::config(field, format!("{n}, the numbers of an answer"), d_out))
            }
            (Returns::PerGraph { .. }, None) => Err(Error::config(
                "answers",
                "numbers of whole nets, as the model returns",
                "changes of nets",
            )),
            (Returns::PerParam { .. }, Some(_)) => Err(Error::config(
                "answers",
                "changes of nets, as the model returns",
                "numbers of whole nets",
            )),
            _ => Ok(()),
        }
    }

    /// The answer for each net from its row of output: the probability of each class, the score, the number, or the
    /// output.
    ///
    /// # Shapes
    /// rows `[B, d_out]`; B answers.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn of_rows(&self, rows: &Tensor) -> Result<Vec<Vec<f64>>> {
        let mut rows = rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        for row in &mut rows {
            match self {
                Self::Classes { .. } => softmax(row),
                Self::Score {} => row.iter_mut().for_each(|x| *x = sigmoid(*x)),
                Self::Number { mean, deviation } => row.iter_mut().for_each(|x| *x = deviation * *x + mean),
                Self::Changes {} | Self::Plain {} => {}
            }
        }
        Ok(rows)
    }

    /// The most probable class of an answer, by its place among the names, the first of equal ones; none if the answer
    /// is no class.
    pub fn class(&self, answer: &[f64]) -> Option<usize> {
        let Self::Classes { .. } = self else { return None };
        let largest = answer.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        answer.iter().position(|probability| *probability == largest)
    }
}

/// `exp(x_c) / Σ_d exp(x_d)`, safe for large x.
fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let total: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= total);
}

/// `1 / (1 + exp(−x))`, safe for large x of either sign.
fn sigmoid(x: f64) -> f64 {
    0.5 * (1.0 + (0.5 * x).tanh())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[[f64; 3]]) -> Tensor {
        Tensor::from_slice(values.as_flattened(), (values.len(), 3), &Device::Cpu).unwrap()
    }

    #[test]
    fn probabilities_sum_to_one_for_large_logits_too() {
        let classes = Answers::Classes { names: ["a", "b", "c"].map(str::to_owned).into() };
        let answers = classes.of_rows(&rows(&[[1000.0, 1000.0, -1000.0], [0.0, 2f64.ln(), 0.0]])).unwrap();
        assert_eq!(answers[0], [0.5, 0.5, 0.0]);
        assert!(answers[1].iter().zip([0.25, 0.5, 0.25]).all(|(a, b)| (a - b).abs() < 1e-15), "{answers:?}");
        assert_eq!(
            answers.iter().map(|answer| classes.class(answer)).collect::<Vec<_>>(),
            [Some(0), Some(1)]
        );
        assert_eq!(classes.class(&[f64::NAN; 3]), None);
    }

    #[test]
    fn scores_are_shares_and_numbers_have_the_unit_of_their_targets() {
        let output = rows(&[[-1e4, 0.0, 1e4]]);
        assert_eq!(Answers::Score {}.of_rows(&output).unwrap(), [[0.0, 0.5, 1.0]]);
        let number = Answers::Number { mean: 50.0, deviation: 10.0 };
        assert_eq!(number.of_rows(&rows(&[[-1.0, 0.0, 2.0]])).unwrap(), [[40.0, 50.0, 70.0]]);
        assert_eq!(number.class(&[1.0]), None);
        assert_eq!(Answers::Plain {}.of_rows(&output).unwrap(), [[-1e4, 0.0, 1e4]]);
    }
}
