//! ELU.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "ELU";
/// Alone it is PyTorch's, α = 1.
pub(super) const WORDS: &[Word] = &[Word::usually("elu", 1.0)];

pub(super) struct Elu {
    pub(super) alpha: f64,
}

impl Curve for Elu {
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.alpha * x.exp_m1() }
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Elu { alpha: self.alpha, gamma: 1.0 }.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        elu(x, self.alpha)
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0 + (before / 2.0).min(self.alpha * self.alpha / 2.0)
    }

    fn fault(&self) -> Option<&'static str> {
        (!self.alpha.is_finite()).then_some("alpha of an ELU must be finite")
    }
}

/// `max(x, 0) + α (e^min(x, 0) − 1)`, whose slope at 0 is counted once, and which never overflows.
pub(super) fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    let positive = x.relu()?;
    let negative = (x - &positive)?.exp()?.affine(alpha, -alpha)?;
    positive + negative
}
