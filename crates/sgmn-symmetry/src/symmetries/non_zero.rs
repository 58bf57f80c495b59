//! Units without activation: any scalar except 0, the product of a positive one and a sign.

use sgmn_graph::Seed;

use super::{Rule, Stage, positive, sign};
use crate::{LayerElement, Ranges, Repairs, Result, ScaleGroup, sites::Units};

pub(super) struct NonZero;

impl Rule for NonZero {
    fn stage(&self) -> Stage {
        Stage::Magnitude
    }

    fn group(&self) -> ScaleGroup {
        ScaleGroup::NonZero
    }

    fn sample(&self, seed: Seed, n_units: usize, ranges: &Ranges) -> Result<LayerElement> {
        let signs = sign::Sign.sample(seed.child("sign"), n_units, ranges)?;
        let magnitudes = positive::magnitudes(seed.child("magnitude"), n_units, ranges);
        LayerElement::scale(signs.scales().iter().zip(magnitudes).map(|(sign, q)| sign * q).collect())
    }

    fn canonical(&self, units: &Units<'_>, _repairs: &mut Repairs) -> Result<LayerElement> {
        let scalar = |i| sign::canonical_sign(units, i) * positive::canonical_magnitude(units, i);
        LayerElement::scale((0..units.len()).map(scalar).collect())
    }
}
