//! Losses: plain functions of predictions and targets, without implicit broadcasting.

use candle_core::{D, Tensor};

use crate::{Error, Result};

/// Mean over nets of `−log softmax(logits)[class]`.
///
/// # Shapes
/// logits `[B, C]`, classes `[B]` of unsigned integers counted from 0; the result is a scalar.
///
/// # Errors
/// If shapes differ.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    let (n_nets, _) = logits.dims2()?;
    if classes.dims() != [n_nets] {
        return Err(Error::config("classes", format!("[{n_nets}]"), format!("{:?}", classes.dims())));
    }
    // The largest logit only guards against overflow: it cancels, so no gradient flows through it.
    let shifted = logits.broadcast_sub(&logits.detach().max_keepdim(D::Minus1)?)?;
    let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let chosen = shifted.gather(&classes.unsqueeze(1)?, 1)?;
    Ok((log_sum - chosen)?.mean_all()?)
}

/// Mean of squared differences.
///
/// # Shapes
/// Equal shapes; the result is a scalar.
///
/// # Errors
/// If shapes differ.
pub fn mean_squared_error(predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    Ok((predictions - targets)?.sqr()?.mean_all()?)
}
