//! Odd activations, σ(−x) = −σ(x): a unit may be negated, that is its incoming weights, bias and outgoing weights.

use rand::RngExt;
use sgmn_graph::{Activation, Seed};

use super::{Rule, Stage};
use crate::{LayerElement, Ranges, Repairs, Result, ScaleGroup, sites::Units, tolerance};

pub(super) struct Sign;

impl Rule for Sign {
    fn stage(&self) -> Stage {
        Stage::Sign
    }

    fn group(&self) -> ScaleGroup {
        ScaleGroup::Sign
    }

    fn sample(&self, seed: Seed, n_units: usize, _ranges: &Ranges) -> Result<LayerElement> {
        let mut rng = seed.rng();
        LayerElement::scale((0..n_units).map(|_| if rng.random() { -1.0 } else { 1.0 }).collect())
    }

    fn canonical(&self, units: &Units<'_>, _repairs: &mut Repairs) -> Result<LayerElement> {
        LayerElement::scale((0..units.len()).map(|i| canonical_sign(units, i)).collect())
    }
}

/// The sign that makes the largest incoming weight positive, the first of them if several are equally large.
///
/// The largest is farthest from 0, where rounding could turn it; and weights, unlike a bias, keep their sign under
/// phase shifts. A unit without incoming weights is a constant, and so is judged by its bias.
pub(super) fn canonical_sign(units: &Units<'_>, i: usize) -> f64 {
    let row = units.row(i);
    let largest = row.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let judge = row.iter().find(|value| value.abs() >= largest * (1.0 - tolerance::TIE)).copied();
    let judge = judge.filter(|value| *value != 0.0).unwrap_or_else(|| match units.nonlinearity().activation {
        // Odd in the bias, and of the period π/ω of shifts.
        Activation::Sine { omega } => (2.0 * omega * units.bias(i)).sin() * omega.signum(),
        _ => units.bias(i),
    });
    if judge < 0.0 { -1.0 } else { 1.0 }
}
