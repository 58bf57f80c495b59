//! What questions about one number of each net share: a loss on numbers, pairs to judge by.

use anyhow::{Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use sgmn_nn::{loss, models::Output};

use super::Scores;

/// The one number that a model says of each net, `[B]`, with gradient; `question` and `number` are words for messages.
///
/// # Errors
/// If the model says something else.
pub(super) fn of_each_net(output: &Output, question: &str, number: &str) -> Result<Tensor> {
    let Output::PerGraph(rows) = output else {
        bail!("model.output.kind: expected `per_graph` for a {question}, found `per_param`")
    };
    let (_, d_out) = rows.dims2()?;
    ensure!(d_out == 1, "model.output.d_out: expected 1, the predicted {number}, found {d_out}");
    Ok(rows.squeeze(1)?)
}

/// `mean (predicted − true)²`, a scalar with gradient on the device of the predictions.
///
/// # Errors
/// If there are not as many true numbers.
pub(super) fn squared_error(predicted: &Tensor, truth: Vec<f64>) -> Result<Tensor> {
    let truth =
        Tensor::new(truth, &Device::Cpu)?.to_dtype(predicted.dtype())?.to_device(predicted.device())?;
    Ok(loss::mean_squared_error(predicted, &truth)?)
}

/// Collects the loss of a batch and the predicted and true number of each net, as `in_unit` brings what was predicted to
/// the unit of what is true.
///
/// # Errors
/// Those of candle.
pub(super) fn collect(
    loss: f64,
    predicted: &Tensor,
    in_unit: impl Fn(f64) -> f64,
    truth: Vec<f64>,
    scores: &mut Scores,
) -> Result<()> {
    scores.add("loss", loss, truth.len());
    let predicted = predicted.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    scores
        .pairs
        .extend(predicted.into_iter().zip(truth).map(|(predicted, truth)| [in_unit(predicted), truth]));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_number_a_net_is_refused() {
        let output = Output::PerGraph(Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap());
        let message = of_each_net(&output, "prediction", "score").unwrap_err().to_string();
        assert_eq!(message, "model.output.d_out: expected 1, the predicted score, found 2");
        let message =
            of_each_net(&Output::PerParam(Vec::new()), "regression", "number").unwrap_err().to_string();
        assert_eq!(message, "model.output.kind: expected `per_graph` for a regression, found `per_param`");
    }
}
