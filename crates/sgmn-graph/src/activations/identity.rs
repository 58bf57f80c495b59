//! No activation.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};

pub(super) const NAME: &str = "none";
pub(super) const WORDS: &[Word] = &[Word::plain("identity"), Word::plain("linear"), Word::plain("none")];

pub(super) struct Identity;

impl Curve for Identity {
    fn value(&self, x: f64) -> f64 {
        x
    }

    fn parts(&self) -> Vec<Part> {
        vec![]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn mean_square(&self, before: f64) -> f64 {
        before
    }
}
