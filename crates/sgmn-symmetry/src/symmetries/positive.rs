//! The ReLU family, σ(q x) = q σ(x) for q > 0: incoming weights and bias times q, outgoing weights divided by q.

use rand::RngExt;
use sgmn_graph::Seed;

use super::{Rule, Stage};
use crate::{LayerElement, Ranges, Repairs, Result, ScaleGroup, sites::Units};

pub(super) struct Positive;

impl Rule for Positive {
    fn stage(&self) -> Stage {
        Stage::Magnitude
    }

    fn group(&self) -> ScaleGroup {
        ScaleGroup::Positive
    }

    fn sample(&self, seed: Seed, n_units: usize, ranges: &Ranges) -> Result<LayerElement> {
        LayerElement::scale(magnitudes(seed, n_units, ranges))
    }

    fn canonical(&self, units: &Units<'_>, _repairs: &mut Repairs) -> Result<LayerElement> {
        LayerElement::scale((0..units.len()).map(|i| canonical_magnitude(units, i)).collect())
    }
}

/// Log-uniform in the range: halving is as likely as doubling.
pub(super) fn magnitudes(seed: Seed, n_units: usize, ranges: &Ranges) -> Vec<f64> {
    let [low, high] = ranges.scale;
    let mut rng = seed.rng();
    (0..n_units).map(|_| rng.random_range(low.ln()..=high.ln()).exp()).collect()
}

/// The scalar that gives the unit's incoming weights and bias together the norm 1; dead units are left alone.
pub(super) fn canonical_magnitude(units: &Units<'_>, i: usize) -> f64 {
    // A norm that is 1 but for rounding stays, so that the canonical form of a canonical form is itself to the bit.
    const ROUNDING: f64 = 1e-13;
    let norm = units.norm(i);
    if units.is_dead(i) || (norm - 1.0).abs() < ROUNDING { 1.0 } else { norm.recip() }
}
