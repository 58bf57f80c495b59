//! Even activations, σ(−x) = σ(x): a unit's incoming weights and bias may be negated, its outgoing weights staying.

use rand::RngExt;
use sgmn_graph::{Nonlinearity, Seed, flow::Parity};

use super::{Rule, Stage, sign};
use crate::{LayerElement, Ranges, Repairs, Result, sites::Units};

pub(super) struct Mirror;

impl Rule for Mirror {
    fn stage(&self) -> Stage {
        Stage::Sign
    }

    fn applies(&self, units: Nonlinearity) -> bool {
        units.behaviour().parity == Parity::Even
    }

    fn sample(&self, seed: Seed, n_units: usize, _ranges: &Ranges) -> Result<LayerElement> {
        let mut rng = seed.rng();
        Ok(LayerElement::mirror((0..n_units).map(|_| rng.random()).collect()))
    }

    /// The largest incoming weight becomes positive, as under [`sign`].
    fn canonical(&self, units: &Units<'_>, _repairs: &mut Repairs) -> Result<LayerElement> {
        Ok(LayerElement::mirror((0..units.len()).map(|i| sign::canonical_sign(units, i) < 0.0).collect()))
    }
}
