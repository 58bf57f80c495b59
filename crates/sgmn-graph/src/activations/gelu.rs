//! GELU, by the normal distribution function and not by the formula with tanh.

use candle_core::{Result, Tensor};
use libm::erf;

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "GELU";
pub(super) const WORDS: &[Word] = &[Word::plain("gelu")];

pub(super) struct Gelu;

impl Curve for Gelu {
    fn value(&self, x: f64) -> f64 {
        0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Gelu.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        // Not `gelu_erf`, whose gradient is right to some 1e-6 only.
        (x * ((x / std::f64::consts::SQRT_2)?.erf()? + 1.0)?)?.affine(0.5, 0.0)
    }

    fn mean_square(&self, before: f64) -> f64 {
        before / 2.0
    }
}
