//! The sine of SIRENs.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word};
use crate::flow::Function;

pub(super) const NAME: &str = "sine";
/// A sine needs its frequency; the one of a SIREN is known.
pub(super) const WORDS: &[Word] = &[Word::asking("sine"), Word::asking("sin"), Word::usually("siren", 30.0)];

pub(super) struct Sine {
    pub(super) omega: f64,
}

impl Curve for Sine {
    fn value(&self, x: f64) -> f64 {
        (self.omega * x).sin()
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::Times(self.omega), Function::Sine.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        (x * self.omega)?.sin()
    }

    fn mean_square(&self, before: f64) -> f64 {
        (self.omega * self.omega * before).min(1.0)
    }

    fn fault(&self) -> Option<&'static str> {
        let fits = self.omega.is_finite() && self.omega != 0.0;
        (!fits).then_some("omega of a sine must be finite and not 0")
    }
}
