//! Hardswish, SiLU made of straight lines and a parabola.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "Hardswish";
pub(super) const WORDS: &[Word] = &[Word::plain("hardswish"), Word::plain("hswish")];

pub(super) struct Hardswish;

impl Curve for Hardswish {
    fn value(&self, x: f64) -> f64 {
        x * (x / 6.0 + 0.5).clamp(0.0, 1.0)
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::HardSwish.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        let gate = x.affine(1.0 / 6.0, 0.5)?;
        x * (gate.relu()? - (gate - 1.0)?.relu()?)?
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0
    }
}
