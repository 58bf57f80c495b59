//! Sine, sin(ω(x + π/ω)) = −sin(ω x): a bias may move by m·π/ω, the outgoing weights changing sign if m is odd.

use rand::RngExt;
use sgmn_graph::{Activation, Nonlinearity, Seed};

use super::{Rule, Stage};
use crate::{
    LayerElement, Ranges, Repairs, Result, act::half_period, element::MOST_SHIFTS, sites::Units, tolerance,
};

/// **Departs:** the published script shifts by π instead of π/ω, which leaves the function alone only by accident.
pub(super) struct Phase;

impl Rule for Phase {
    fn stage(&self) -> Stage {
        Stage::Phase
    }

    fn applies(&self, units: Nonlinearity) -> bool {
        half_period(units).is_some()
    }

    fn needs_bias(&self) -> bool {
        true
    }

    fn sample(&self, seed: Seed, n_units: usize, ranges: &Ranges) -> Result<LayerElement> {
        let most = i64::from(ranges.shifts);
        let mut rng = seed.rng();
        LayerElement::shift((0..n_units).map(|_| rng.random_range(-most..=most)).collect())
    }

    /// The bias comes to lie in (−π/2ω, π/2ω], half a period wide.
    fn canonical(&self, units: &Units<'_>, repairs: &mut Repairs) -> Result<LayerElement> {
        let half_period = half_period(units.nonlinearity()).map_or(f64::INFINITY, f64::abs);
        // Toward which side a positive count shifts.
        let direction = if let Activation::Sine { omega } = units.nonlinearity().activation { omega.signum() } else { 1.0 };
        let shifts = (0..units.len()).map(|i| {
            let turns = units.bias(i) / half_period;
            if turns.abs() >= MOST_SHIFTS as f64 {
                repairs.lost_phases += 1;
                return 0;
            }
            // The tie tolerance keeps rounding from choosing between the ends, which are one phase.
            let too_many = (turns - 0.5 - tolerance::TIE).ceil();
            repairs.shifted_phases += usize::from(too_many != 0.0);
            -(too_many * direction) as i64
        });
        LayerElement::shift(shifts.collect())
    }
}
