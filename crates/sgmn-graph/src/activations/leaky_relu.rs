//! Leaky ReLU.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "leaky ReLU";
/// Alone it is PyTorch's, of slope 0.01.
pub(super) const WORDS: &[Word] = &[Word::usually("leaky_relu", 0.01), Word::usually("lrelu", 0.01)];

pub(super) struct LeakyRelu {
    pub(super) slope: f64,
}

impl Curve for LeakyRelu {
    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.slope * x }
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::LeakyRelu { slope: self.slope }.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x.relu()? - (x.neg()?.relu()? * self.slope)?
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0
    }

    fn fault(&self) -> Option<&'static str> {
        (!self.slope.is_finite()).then_some("slope of a leaky ReLU must be finite")
    }
}
