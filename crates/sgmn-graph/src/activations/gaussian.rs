//! The Gaussian, an even function.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "Gaussian";
pub(super) const WORDS: &[Word] = &[Word::plain("gaussian"), Word::plain("gauss")];

pub(super) struct Gaussian;

impl Curve for Gaussian {
    fn value(&self, x: f64) -> f64 {
        (-(x * x)).exp()
    }

    fn parts(&self) -> Vec<Part> {
        [Function::Power { exponent: 2.0 }, Function::Negate, Function::Exponential].map(Part::from).into()
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        x.sqr()?.neg()?.exp()
    }

    fn mean_square(&self, before: f64) -> f64 {
        // Exactly that of a normal distribution.
        (1.0 + 4.0 * before).sqrt().recip()
    }
}
