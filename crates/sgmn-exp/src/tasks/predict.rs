//! Which score does a net reach? Its test accuracy, for example, read from nothing but its parameters.

use anyhow::{Result, bail};
use candle_core::Tensor;
use sgmn_data::Target;
use sgmn_nn::models::Output;

use super::{Scores, Task, number};
use crate::data::pipeline::PreparedBatch;

/// `mean (σ(output) − score)²` to learn by, Kendall's τ between predicted and true scores to judge by.
///
/// # Source
/// The predictor of generalization of the paper, as its program trains it: a sigmoid, the mean squared error, the best
/// epoch by τ on the validation nets.
#[derive(Debug, Clone, Copy)]
pub struct Predict;

impl Task for Predict {
    fn loss(&self, asked: &PreparedBatch, output: &Output) -> Result<Tensor> {
        number::squared_error(&predictions(output)?, scores(&asked.targets)?)
    }

    fn judge_step(
        &self,
        loss: f64,
        output: &Output,
        targets: &[Target],
        collected: &mut Scores,
    ) -> Result<()> {
        number::collect(loss, &predictions(output)?, |score| score, scores(targets)?, collected)
    }
}

fn scores(targets: &[Target]) -> Result<Vec<f64>> {
    targets.iter().map(score).collect()
}

pub(super) fn score(target: &Target) -> Result<f64> {
    let found = match target {
        Target::Score(score) if (0.0..=1.0).contains(score) => return Ok(*score),
        Target::Score(score) => {
            bail!("expected a score in [0, 1], found {score}; task.kind = \"regress\" takes any number")
        }
        Target::Class(class) => format!("the class {class}"),
        Target::None => "none".to_owned(),
    };
    bail!("expected a score in [0, 1], found {found}")
}

/// The predicted scores, `[B]`, with gradient.
fn predictions(output: &Output) -> Result<Tensor> {
    let rows = number::of_each_net(output, "prediction", "score")?;
    // σ(x) = (1 + tanh(x/2)) / 2, whose gradient is a number for every x; that of 1/(1 + exp(−x)) is not.
    Ok((((rows * 0.5)?.tanh()? + 1.0)? * 0.5)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn predictions_lie_in_the_unit_interval_and_have_a_gradient_everywhere() {
        let logits = Var::new(&[[-1e4f32], [0.0], [1.5], [1e4]], &Device::Cpu).unwrap();
        let predicted = predictions(&Output::PerGraph(logits.as_tensor().clone())).unwrap();
        let values = predicted.to_vec1::<f32>().unwrap();
        let expected = [0.0, 0.5, 1.0 / (1.0 + (-1.5f32).exp()), 1.0];
        assert!(
            values.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6),
            "{values:?}"
        );
        let gradients = predicted.sum_all().unwrap().backward().unwrap();
        let gradient = gradients.get(&logits).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((gradient[0], gradient[1], gradient[3]), (0.0, 0.25, 0.0));
    }

    #[test]
    fn only_a_share_is_a_score() {
        for (target, found) in [
            (Target::Score(1.5), "1.5; task.kind = \"regress\" takes any number"),
            (Target::Score(-0.1), "-0.1; task.kind = \"regress\" takes any number"),
            (Target::Class(3), "the class 3"),
            (Target::None, "none"),
        ] {
            let message = score(&target).unwrap_err().to_string();
            assert_eq!(message, format!("expected a score in [0, 1], found {found}"));
        }
        assert!(score(&Target::Score(0.0)).is_ok() && score(&Target::Score(1.0)).is_ok());
    }
}
