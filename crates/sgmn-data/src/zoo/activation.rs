//! ReLU and tanh of whole rows with their slopes, and dropout behind them.

use rand::Rng;
use sgmn_graph::Seed;

use super::architecture::Row;
use crate::{
    fit::simd::{LANES, Lanes},
    formats::cnn_zoo::ZooActivation,
};

/// Replaces pre-activations by activations, and writes the slopes there.
#[inline(always)]
pub(super) fn activate<L: Lanes>(activation: ZooActivation, values: &mut [Row], slopes: &mut [Row]) {
    let rows = values.iter_mut().zip(slopes);
    match activation {
        ZooActivation::Relu => {
            for (values, slopes) in rows {
                let x = L::load(&values.0);
                x.is_positive().store(&mut slopes.0);
                x.max(L::splat(0.0)).store(&mut values.0);
            }
        }
        ZooActivation::Tanh => {
            for (values, slopes) in rows {
                let y = tanh(L::load(&values.0));
                y.mul(L::splat(-1.0)).mul_add(y, L::splat(1.0)).store(&mut slopes.0);
                y.store(&mut values.0);
            }
        }
    }
}

/// Hyperbolic tangent to three units in the last place of 1, without branches.
///
/// Lambert's continued fraction of a quarter of the argument, `N/D`, cut after seven terms, then twice
/// `tanh 2u = 2ND / (N² + D²)`; only the last fraction is divided out.
#[inline(always)]
fn tanh<L: Lanes>(x: L) -> L {
    /// From here on the tangent is 1 in single precision.
    const SATURATED: f32 = 9.2;
    // Written this way round, NaN stays.
    let u = L::splat(SATURATED).min(L::splat(-SATURATED).max(x)).mul(L::splat(0.25));
    let s = u.mul(u);
    let numerator = u.mul(polynomial(s, [135_135.0, 17_325.0, 378.0, 1.0]));
    let denominator = polynomial(s, [135_135.0, 62_370.0, 3_150.0, 28.0]);
    let (n, d) = twice(numerator, denominator);
    let (n, d) = twice(n, d);
    n.div(d)
}

/// `a + bs + cs² + ds³`.
#[inline(always)]
fn polynomial<L: Lanes>(s: L, [a, b, c, d]: [f32; 4]) -> L {
    s.mul_add(s.mul_add(s.mul_add(L::splat(d), L::splat(c)), L::splat(b)), L::splat(a))
}

/// The tangent of twice the angle, as a fraction, from that of the angle.
#[inline(always)]
fn twice<L: Lanes>(n: L, d: L) -> (L, L) {
    (n.add(n).mul(d), n.mul_add(n, d.mul(d)))
}

/// Which activations are dropped: a number of each that follows from a key and its place, as a mask of any size would.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    key: [u32; 2],
    /// Elements whose number is below this are dropped.
    threshold: u32,
    /// What the others are multiplied by, so that the mean stays.
    scale: f32,
}

impl Dropout {
    /// Drops the share `rate` in [0, 1); nothing if it is 0.
    pub(super) fn new(rate: f64, seed: &Seed) -> Option<Self> {
        let mut rng = seed.rng();
        let threshold = (rate * 2f64.powi(32)) as u32;
        let scale = (1.0 / (1.0 - rate)) as f32;
        (rate > 0.0).then(|| Self { key: [rng.next_u32(), rng.next_u32()], threshold, scale })
    }

    /// Applies it to values and slopes; their elements count on from `place`.
    #[inline(always)]
    pub(super) fn apply<L: Lanes>(self, place: u32, values: &mut [Row], slopes: &mut [Row]) {
        for (r, (values, slopes)) in values.iter_mut().zip(slopes).enumerate() {
            let place = place.wrapping_add((LANES * r) as u32);
            // No closure here and in the other loops over rows: one might be compiled without the machine's vectors.
            let mut factors = [0.0; LANES];
            for (i, factor) in factors.iter_mut().enumerate() {
                *factor = self.factor(place.wrapping_add(i as u32));
            }
            let factors = L::load(&factors);
            L::load(&values.0).mul(factors).store(&mut values.0);
            L::load(&slopes.0).mul(factors).store(&mut slopes.0);
        }
    }

    /// 0 or the scale, for the element at `place`.
    #[inline(always)]
    pub(super) fn factor(self, place: u32) -> f32 {
        // An odd factor tells places apart; the rest is the finalizer of MurmurHash3 (Appleby, public domain).
        let mut x = place.wrapping_mul(0x9e37_79b9) ^ self.key[0];
        x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35) ^ self.key[1];
        if x ^ (x >> 16) < self.threshold { 0.0 } else { self.scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_the_tangent_to_three_units_in_the_last_place_of_one() {
        let tanh = |x: f32| tanh([x; LANES])[0];
        let worst = (-200_000..200_000)
            .map(|i| i as f32 * 1e-4)
            .map(|x| (f64::from(tanh(x)) - f64::from(x).tanh()).abs())
            .fold(0.0, f64::max);
        assert!(worst < 3.0 * f64::from(f32::EPSILON), "{worst}");
        assert!(tanh(f32::NAN).is_nan() && tanh(0.0) == 0.0);
    }

    #[test]
    fn dropout_drops_its_share_and_keeps_the_mean() {
        let dropout = Dropout::new(0.3, &Seed::new(1)).unwrap();
        let factors: Vec<f32> = (0..100_000).map(|place| dropout.factor(place)).collect();
        let dropped = factors.iter().filter(|&&factor| factor == 0.0).count();
        assert!((29_500..30_500).contains(&dropped), "{dropped}");
        assert!(factors.iter().all(|&factor| factor == 0.0 || factor == dropout.scale));
        // Neighbors and places of the next image are dropped independently.
        for lag in [1, 16, 3344] {
            let both = factors.iter().zip(&factors[lag..]).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            let share = both as f64 / (factors.len() - lag) as f64;
            assert!((share - 0.09).abs() < 0.005, "{share} at {lag}");
        }
        assert!(Dropout::new(0.0, &Seed::new(1)).is_none());
    }
}
