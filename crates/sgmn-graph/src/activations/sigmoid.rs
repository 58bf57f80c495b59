//! The logistic function. It is odd about (0, ½), but that flip moves the next layer's bias, and is none of the units.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "sigmoid";
pub(super) const WORDS: &[Word] = &[Word::plain("sigmoid"), Word::plain("logistic")];

pub(super) struct Sigmoid;

impl Curve for Sigmoid {
    fn value(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Sigmoid.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        // By tanh, which does not overflow.
        (x * 0.5)?.tanh()?.affine(0.5, 0.5)
    }

    fn mean_square(&self, before: f64) -> f64 {
        // ¼ at 0, where its slope is ¼; ½ far away.
        (0.25 + before / 16.0).min(0.5)
    }
}
