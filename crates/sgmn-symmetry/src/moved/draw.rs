//! Random maps of inputs and outputs, for augmentation.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

use super::{InputMap, OutputMap};
use crate::{Error, Result};

/// How far inputs are moved at most. Each part is drawn uniformly around none, and all are left out where they are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Motion {
    /// Rotation either way, in degrees; of more than two inputs in the plane of two of them, drawn too.
    pub degrees: f64,
    /// Shift of each input either way, in its own unit.
    pub shift: f64,
    /// Logarithm of the factor of all inputs either way: 0.1 is some ten percent.
    pub scale: f64,
    /// The same for each input by itself.
    pub stretch: f64,
    /// Share of one input that is added to another, either way.
    pub shear: f64,
    /// Whether each input changes its sign half of the time.
    pub mirror: bool,
}

/// How far outputs are changed at most, drawn uniformly around no change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Levels {
    /// Logarithm of the factor of all outputs either way.
    pub contrast: f64,
    /// What is added to all outputs, either way, in their unit.
    pub brightness: f64,
}

impl Motion {
    /// A random map of `n` inputs. Each part has a seed of its own, so that a further one changes no draw of the others.
    ///
    /// # Errors
    /// [`Error::Ranges`] if a range is negative or not finite, or a single input is to be turned or sheared.
    pub fn sample(&self, seed: Seed, n: usize) -> Result<InputMap> {
        self.validate()?;
        if n < 2 && (self.degrees > 0.0 || self.shear > 0.0) {
            let expected = "degrees and shear of 0 for nets of a single input";
            return Err(Error::Ranges { field: "motion", expected, found: format!("{self:?}") });
        }
        let mut map = InputMap::identity(n);
        let factor = uniform(seed.child("scale"), self.scale).exp();
        for i in 0..n {
            let stretch = uniform(seed.child("stretch").index(i as u64), self.stretch).exp();
            let turns_back = self.mirror && seed.child("mirror").index(i as u64).rng().random_bool(0.5);
            map.matrix[i * n + i] = factor * stretch * if turns_back { -1.0 } else { 1.0 };
        }
        if self.shear > 0.0 {
            let [i, j] = pair(seed.child("sheared"), n);
            let mut sheared = InputMap::identity(n);
            sheared.matrix[i * n + j] = uniform(seed.child("shear"), self.shear);
            map = sheared.after(&map)?;
        }
        if self.degrees > 0.0 {
            let [i, j] = pair(seed.child("turned"), n);
            let (sin, cos) = uniform(seed.child("degrees"), self.degrees).to_radians().sin_cos();
            let mut turned = InputMap::identity(n);
            turned.matrix[i * n + i] = cos;
            turned.matrix[j * n + j] = cos;
            turned.matrix[i * n + j] = -sin;
            turned.matrix[j * n + i] = sin;
            map = turned.after(&map)?;
        }
        for (i, shift) in map.shift.iter_mut().enumerate() {
            *shift = uniform(seed.child("shift").index(i as u64), self.shift);
        }
        Ok(map)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Ranges`] for the first that is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        let Self { degrees, shift, scale, stretch, shear, mirror: _ } = *self;
        let named = [("degrees", degrees), ("shift", shift), ("scale", scale), ("stretch", stretch)];
        named.into_iter().chain([("shear", shear)]).try_for_each(|(field, value)| check(field, value))
    }
}

impl Levels {
    /// A random map of outputs.
    ///
    /// # Errors
    /// As [`Levels::validate`].
    pub fn sample(&self, seed: Seed) -> Result<OutputMap> {
        self.validate()?;
        let factor = uniform(seed.child("contrast"), self.contrast).exp();
        Ok(OutputMap { factor, shift: uniform(seed.child("brightness"), self.brightness) })
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Ranges`] for the first that is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        check("contrast", self.contrast)?;
        check("brightness", self.brightness)
    }
}

fn check(field: &'static str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::Ranges { field, expected: "0 or a finite number above it", found: value.to_string() })
}

fn uniform(seed: Seed, range: f64) -> f64 {
    range * (2.0 * seed.rng().random::<f64>() - 1.0)
}

/// Two different numbers below `n`.
fn pair(seed: Seed, n: usize) -> [usize; 2] {
    let mut rng = seed.rng();
    let first = rng.random_range(0..n);
    let second = rng.random_range(0..n - 1);
    [first, second + usize::from(second >= first)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_keeps_lengths_and_a_single_input_has_none() {
        let motion = Motion { degrees: 180.0, ..Motion::default() };
        for n in [2, 3, 5] {
            let map = motion.sample(Seed::new(n as u64), n).unwrap();
            let row = |i: usize| &map.matrix[i * n..(i + 1) * n];
            for i in 0..n {
                for j in 0..n {
                    let dot: f64 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
                    assert!(
                        (dot - f64::from(u8::from(i == j))).abs() < 1e-12,
                        "{n} inputs, rows {i} and {j}"
                    );
                }
            }
            assert_ne!(map, InputMap::identity(n));
        }
        let message = motion.sample(Seed::new(1), 1).unwrap_err().to_string();
        assert!(message.contains("nets of a single input"), "{message}");
    }

    #[test]
    fn draws_stay_in_their_ranges_and_nothing_moves_by_default() {
        assert_eq!(Motion::default().sample(Seed::new(1), 3).unwrap(), InputMap::identity(3));
        assert_eq!(Levels::default().sample(Seed::new(1)).unwrap(), OutputMap { factor: 1.0, shift: 0.0 });
        let motion = Motion { shift: 0.25, scale: 0.1, mirror: true, ..Motion::default() };
        let mut mirrored = 0;
        for i in 0..100 {
            let map = motion.sample(Seed::new(i), 2).unwrap();
            assert!(map.shift.iter().all(|t| t.abs() <= 0.25));
            assert!(map.matrix[0].abs().ln().abs() <= 0.1 && map.matrix[1] == 0.0);
            assert!((map.matrix[0].abs() - map.matrix[3].abs()).abs() < 1e-15, "one factor for all inputs");
            mirrored += usize::from(map.matrix[0] < 0.0);
            let turned = Motion { degrees: 30.0, ..motion }.sample(Seed::new(i), 2).unwrap();
            assert_eq!(turned.shift, map.shift, "a further part changes no draw of the others");
        }
        assert!((30..70).contains(&mirrored));
        for broken in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(Motion { shear: broken, ..motion }.sample(Seed::new(1), 2).is_err());
            assert!(Levels { contrast: broken, brightness: 0.0 }.sample(Seed::new(1)).is_err());
        }
    }
}
