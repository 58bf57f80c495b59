//! SELU, an ELU of fixed constants.

use candle_core::{Result, Tensor};

use super::{Curve, Part, Word, elu};
use crate::flow::Function;

pub(super) const NAME: &str = "SELU";
pub(super) const WORDS: &[Word] = &[Word::plain("selu")];

/// With these two, values of mean 0 and variance 1 keep both: Klambauer et al., "Self-Normalizing Neural Networks",
/// 2017; as many digits as PyTorch has.
const ALPHA: f64 = 1.673_263_242_354_377_2;
const GAMMA: f64 = 1.050_700_987_355_480_5;

pub(super) struct Selu;

impl Curve for Selu {
    fn value(&self, x: f64) -> f64 {
        GAMMA * if x > 0.0 { x } else { ALPHA * x.exp_m1() }
    }

    fn parts(&self) -> Vec<Part> {
        vec![Function::Elu { alpha: ALPHA, gamma: GAMMA }.into()]
    }

    fn on_tensor(&self, x: &Tensor) -> Result<Tensor> {
        elu::elu(x, ALPHA)? * GAMMA
    }

    fn mean_square(&self, before: f64) -> f64 {
        // What it is made for: about as much comes out as goes in.
        before
    }
}
