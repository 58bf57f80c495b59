//! ReLU6, a ReLU that ends at 6.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "ReLU6";
pub(super) const WORDS: &[Word] = &[Word::plain("relu6")];

const MOST: f64 = 6.0;

pub(super) struct Relu6;

impl Curve for Relu6 {
    fn value(&self, x: f64) -> f64 {
        x.clamp(0.0, MOST)
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Clip { low: 0.0, high: MOST }.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x.relu()? - (x - MOST)?.relu()?
    }

    fn mean_square(&self, before: f64) -> f64 {
        (before / 2.0).min(MOST * MOST / 2.0)
    }
}
