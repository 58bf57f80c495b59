//! Hyperbolic tangent.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "tanh";
pub(super) const WORDS: &[Word] = &[Word::plain("tanh")];

pub(super) struct Tanh;

impl Curve for Tanh {
    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Tanh.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x.tanh()
    }

    fn mean_square(&self, before: f64) -> f64 {
        before.min(1.0)
    }
}
