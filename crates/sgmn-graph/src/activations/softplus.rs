//! Softplus, a ReLU without a kink.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "softplus";
/// Alone it is PyTorch's, β = 1.
pub(super) const WORDS: &[Word] = &[Word::usually("softplus", 1.0)];

pub(super) struct Softplus {
    pub(super) beta: f64,
}

impl Curve for Softplus {
    fn value(&self, x: f64) -> f64 {
        value(x * self.beta) * self.beta.recip()
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::Times(self.beta), Function::Softplus.into(), Part::Times(self.beta.recip())]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        softplus(&(x * self.beta)?)? * self.beta.recip()
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0 + (std::f64::consts::LN_2 / self.beta).powi(2)
    }

    fn fault(&self) -> Option<&'static str> {
        let fits = self.beta > 0.0 && self.beta.is_finite() && self.beta.recip().is_finite();
        (!fits).then_some("beta of a softplus must be finite and above 0")
    }
}

/// `ln(1 + e^x)`.
pub(super) fn value(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `ln(1 + e^x)` as `m + ln(e^−m + e^(x−m))`. The right m, max(x, 0), keeps it finite; since any m gives the same, no
/// gradient goes through it, and the slope at 0 is ½.
pub(super) fn softplus(x: &Tensor) -> Result<Tensor> {
    let m = x.relu()?.detach();
    let sum = (m.neg()?.exp()? + (x - &m)?.exp()?)?;
    m + sum.log()?
}
