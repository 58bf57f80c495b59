//! ReLU.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "ReLU";
pub(super) const WORDS: &[Word] = &[Word::plain("relu")];

pub(super) struct Relu;

impl Curve for Relu {
    fn value(&self, x: f64) -> f64 {
        x.max(0.0)
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Relu.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x.relu()
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0
    }
}
