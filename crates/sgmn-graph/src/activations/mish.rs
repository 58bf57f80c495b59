//! Mish.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word, softplus};
use crate::flow::Function;

pub(super) const NAME: &str = "Mish";
pub(super) const WORDS: &[Word] = &[Word::plain("mish")];

pub(super) struct Mish;

impl Curve for Mish {
    fn value(&self, x: f64) -> f64 {
        x * softplus::value(x).tanh()
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Mish.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x * softplus::softplus(x)?.tanh()?
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0
    }
}
