//! SiLU, or swish.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "SiLU";
pub(super) const WORDS: &[Word] = &[Word::plain("silu"), Word::plain("swish")];

pub(super) struct Silu;

impl Curve for Silu {
    fn value(&self, x: f64) -> f64 {
        x / (1.0 + (-x).exp())
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Silu.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x.silu()
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0
    }
}
